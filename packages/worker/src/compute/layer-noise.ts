/**
 * The noise of a phase's layers, as hidden inputs of the phase: a compiled phase needs every number that changes as an input.
 *
 * Which noise a phase draws is found once, by running its loss: layers draw in the order in which the loss calls them, and a layer called
 * twice draws twice. Not responsible for: what layers do with it (`networks/noise-layers.ts`).
 */
import { elementCount, type InputSpec, LockstepError, type Tensor, type Tf } from '@lockstep/shared';
import { type Pass, plainPass } from '../networks/pass.ts';

/** One draw of a phase. */
export interface LayerNoise {
  /** What belongs to one position of the batch: a row, or several if the network was given several rows for each. */
  readonly spec: InputSpec;
  /** Of the tensor, for all rows. */
  readonly shape: readonly number[];
}

/** Rows of the phase's draw `index`, [count * row length], which the caller frees. */
export type DrawNoise = (spec: InputSpec, index: number) => Float32Array;

/** Each has a stream of its own, of which there are 4,096 for layers, and 1,024 in a fingerprint. */
const maximumDraws = 1024;

/** No name of a declared input has a space. */
const inputName = (index: number): string => `noise ${index}`;

/**
 * What `run` draws over `count` positions. Throws LockstepError('recipe-invalid'), naming `place`, for noise that is not drawn for each
 * sample alone.
 */
export function findNoise(tf: Tf, count: number, place: string, run: (pass: Pass) => void): LayerNoise[] {
  const found: LayerNoise[] = [];
  const refuse = (problem: string): never => {
    throw new LockstepError('recipe-invalid', `${place}: ${problem}.`);
  };
  const noise: Pass['noise'] = (distribution, shape) => {
    const perPosition = elementCount(shape) / count;
    if (shape[0]! % count !== 0)
      refuse(
        `a layer draws noise of shape [${shape.join(', ')}] for ${count} samples, which does not divide among them: call the network with whole batches, and give the layer no noiseShape that shares noise between samples`,
      );
    if (found.length === maximumDraws) refuse(`its layers draw noise more than ${maximumDraws} times`);
    found.push({ spec: { shape: [perPosition], distribution }, shape });
    return tf.mul(tf.ones([...shape]), 0.5);
  };
  tf.tidy(() => run({ ...plainPass, noise }));
  return found;
}

/** Rows as tensors, to be given to the phase beside its inputs. */
export function noiseInputs(tf: Tf, draws: readonly LayerNoise[], rows: readonly Float32Array[]): Record<string, Tensor> {
  return Object.fromEntries(draws.map(({ shape }, index) => [inputName(index), tf.tensor(rows[index]!, [...shape])]));
}

/** The noise of a pass whose layers are given these inputs in turn. */
export function noiseFrom(inputs: Readonly<Record<string, Tensor>>): Pick<Pass, 'noise'> {
  let next = 0;
  return {
    noise() {
      const found = inputs[inputName(next)];
      // An eager loss that branches on what it was called with before.
      if (found === undefined)
        throw new LockstepError('recipe-invalid', `its layers draw noise ${next} times in one call and more often in another`);
      next += 1;
      return found;
    },
  };
}
