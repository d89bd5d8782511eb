/**
 * One hash that stands for every bit this worker would compute in a run: equal fingerprints mean equal bits.
 *
 * Responsible for: evaluating every phase at every shard size, and `generate` if there is one, from fixed weights and drawn inputs, twice; hashing;
 * refusing a recipe or device that does not give the same bits twice. Not responsible for: comparing workers (the coordinator does).
 *
 * The run's own shapes matter: between 1 and 2 threads, tiny computations agreed while every real gradient differed.
 * Constants below are part of the fingerprint's definition: changing them makes old checkpoints' fingerprints differ.
 */
import type { Hash } from 'node:crypto';
import { createHash } from 'node:crypto';
import type { DataInput, Recipe } from '@lockstep/shared';
import {
  dataInputsOf,
  elementCount,
  gridPictures,
  initialFlat,
  inputRows,
  LockstepError,
  sequence,
  streams,
  stepName,
} from '@lockstep/shared';
import type { Evaluator, Rows, WeightsByNetwork } from './evaluate.ts';
import type { DrawNoise } from './layer-noise.ts';
import type { Network } from '../networks/networks.ts';
import { dataRows, drawInputs } from './rows.ts';

const seed = 1;
/** Completed steps, for a loss that reads them. */
const fixedStep = 100;
/** Streams within `streams.fingerprint`: weights by network, inputs by input, data by input, noise by draw, state by network. */
const inputStream = streams.fingerprint + 0x100;
const dataStream = streams.fingerprint + 0x200;
const noiseStream = streams.fingerprint + 0x300;
const stateStream = streams.fingerprint + 0x800;

export interface FingerprintOptions {
  readonly recipe: Recipe;
  readonly networks: Readonly<Record<string, Network>>;
  readonly evaluator: Evaluator;
  /** Sizes of the run's shards; repeated ones count once. */
  readonly shardSizes: readonly number[];
  /** See `Backend.mode`. */
  readonly mode?: string | undefined;
}

/**
 * SHA-256, lower-case hex. Throws LockstepError('numerics-mismatch') naming what gave two different results, and
 * LockstepError('recipe-invalid') for a loss or `generate` that cannot be run.
 */
export async function computeFingerprint(options: FingerprintOptions): Promise<string> {
  const { recipe, networks, evaluator } = options;
  const weights = fixedWeights(networks);
  const hash = createHash('sha256');
  if (options.mode !== undefined) hash.update(`mode ${options.mode}\n`);
  try {
    for (const [index, phase] of recipe.phases.entries()) {
      for (const size of new Set(options.shardSizes)) {
        const rows = fixedRows(recipe, phase.inputs, size);
        const evaluate = async (): Promise<string> => {
          const digest = createHash('sha256');
          const drawNoise: DrawNoise = (spec, draw) => inputRows(spec, seed, noiseStream + draw, 0, 0, size);
          const { flat, loss, metrics } = await evaluator.phase(index, size, weights, rows, drawNoise);
          update(digest, 'gradient', flat);
          update(digest, 'loss', Float32Array.of(loss));
          for (const [name, value] of Object.entries(metrics)) update(digest, name, Float32Array.of(value));
          return digest.digest('hex');
        };
        hash.update(await twice(recipe, `phase '${phase.name}'`, evaluate));
      }
    }
    if (recipe.generate !== undefined) {
      const pictures = gridPictures(recipe);
      const rows = fixedRows(recipe, Object.keys(recipe.inputs), pictures);
      const sheet = async (): Promise<string> => {
        const digest = createHash('sha256');
        update(digest, 'pictures', await evaluator.generate(pictures, weights, rows));
        return digest.digest('hex');
      };
      hash.update(await twice(recipe, 'generate', sheet));
    }
    return hash.digest('hex');
  } finally {
    for (const tensor of Object.values(weights).flat()) tensor.dispose();
  }
}

/** Evaluates twice. An error that is not a LockstepError comes from the recipe, since only its functions have run. */
async function twice(recipe: Recipe, what: string, evaluate: () => Promise<string>): Promise<string> {
  const place = `Recipe '${recipe.name}', ${what}`;
  const [first, second] = await evaluatePair(place, evaluate);
  if (first === second) return first;
  throw new LockstepError(
    'numerics-mismatch',
    `${place} gave two different results for the same inputs: either it draws random numbers itself (tf.random*, Math.random: declare them in the recipe's inputs), or this device does not compute deterministically.`,
  );
}

async function evaluatePair(place: string, evaluate: () => Promise<string>): Promise<[string, string]> {
  try {
    return [await evaluate(), await evaluate()];
  } catch (error) {
    if (error instanceof LockstepError) throw error;
    throw new LockstepError('recipe-invalid', `${place} failed: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function fixedWeights(networks: Readonly<Record<string, Network>>): WeightsByNetwork {
  return Object.fromEntries(
    Object.entries(networks).map(([name, network], index) => [
      name,
      [
        ...network.split(initialFlat(network.manifest, seed, streams.fingerprint + index)),
        ...(network.manifest.state === undefined ? [] : network.splitState(initialFlat(network.manifest.state, seed, stateStream + index))),
      ],
    ]),
  );
}

/** Inputs as a round draws them, so that this engine's logarithm, sine and cosine are covered too. */
function fixedRows(recipe: Recipe, inputs: readonly string[], count: number): Rows {
  const rows = drawInputs(recipe, inputs, { seed, stream: inputStream, round: 0, start: 0, count });
  const data = dataInputsOf(recipe, { inputs }).map((input) => [input.name, dataRows(input, fixedSamples(input, count))]);
  const step = inputs.includes(stepName) ? { [stepName]: Float32Array.of(fixedStep) } : {};
  return { ...rows, ...Object.fromEntries(data), ...step };
}

/** Any bytes; classes that there are (0 and 1 where the recipe does not say); normal numbers. */
function fixedSamples({ spec, index, dtype }: DataInput, count: number): Uint8Array {
  const stream = dataStream + index;
  const length = count * elementCount(spec.shape);
  const next = sequence(seed, stream, 0, 0);
  if (dtype === 'uint8') return Uint8Array.from({ length }, () => next() & 0xff);
  const classes = ('classes' in spec ? spec.classes : undefined) ?? 2;
  const numbers =
    dtype === 'int32'
      ? Int32Array.from({ length }, () => next() % classes)
      : inputRows({ shape: spec.shape, distribution: 'normal' }, seed, stream, 0, 0, count);
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

/** A name and a length before the bytes: no two lists of arrays hash alike by accident. Float32Array is little-endian wherever Node runs. */
function update(hash: Hash, name: string, values: Float32Array): void {
  hash.update(`${name} ${values.length}\n`);
  hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}
