/**
 * The state of a network: what commits move by moments of the shards, rather than by gradients. The moving averages of batch normalization.
 *
 * Order of operations, each one rounded to float32 (`f`), as tfjs-layers has it:
 *
 *     for each parameter     c = f(1 - momentum)
 *     for each element       state = f(state - f(f(state - moment) * c))
 *
 * `moment` is the sum over the shards of n_shard / n_batch times what each found: the mean over the shards, in the fixed tree. So it depends
 * on how the batch is cut, and not on who computes it. Not responsible for: that sum (`reduce.ts`).
 */
import {
  copyInParts,
  elementCount,
  initialFlat,
  type KeyedFlat,
  type Layout,
  type Manifest,
  type StateParameter,
  streams,
} from '@lockstep/shared';

/** At the start of a run, for network `index` of the recipe. Undefined if it has no state. */
export function initialState({ state }: Manifest, seed: number, index: number): Float32Array | undefined {
  return state === undefined ? undefined : initialFlat(state, seed, streams.initialState + index);
}

/** Moves `values` in place. */
export function moveState(values: Float32Array, { parameters }: Layout<StateParameter>, moments: Float32Array): void {
  for (const { shape, offset, momentum } of parameters) {
    const share = Math.fround(1 - momentum);
    const end = offset + elementCount(shape);
    for (let index = offset; index < end; index += 1) {
      const before = values[index]!;
      values[index] = before - Math.fround(Math.fround(before - moments[index]!) * share);
    }
  }
}

/** For a message. */
export function stateFlat(network: string, version: number, values: Float32Array): KeyedFlat {
  return { key: `state of ${network}`, version, live: values, snapshot: () => copyInParts(values) };
}
