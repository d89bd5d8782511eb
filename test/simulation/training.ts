/**
 * What simulated worlds train: two tiny networks, sixteen samples, and gradients that are cheap arithmetic instead of TensorFlow, yet depend
 * on every bit that a real one depends on: all weights, the samples, the seed, the round, the shard.
 */
import { createHash } from 'node:crypto';
import {
  cover,
  dataInputsOf,
  type Manifest,
  type Manifests,
  type Recipe,
  shardSizes,
  type ShardOutcome,
  type TreeNode,
  sumInto,
  updatedNetworks,
} from '@lockstep/shared';
import type { PlannedPhase } from '../../packages/coordinator/src/core/plan.ts';
import { residentFile } from '../../packages/coordinator/src/data/data-file.ts';
import type { Dataset } from '../../packages/coordinator/src/data/dataset.ts';
import { fileDataset } from '../../packages/coordinator/src/data/file-dataset.ts';

export const pixels = 4;
const samples = 16;

export const recipe: Recipe = {
  name: 'simulated',
  batchSize: 8,
  epochs: 1,
  real: { shape: [2, 2], range: [0, 1] },
  inputs: {},
  networks: { generator: neverBuilt, discriminator: neverBuilt },
  phases: [
    { name: 'discriminate', updates: 'discriminator', repeat: 2, inputs: ['real'], loss: neverBuilt },
    { name: 'generate', updates: ['generator', 'discriminator'], inputs: [], loss: neverBuilt },
  ],
  // Both kinds of state: slots alone, and slots with scalars; and a rate that changes from step to step.
  optimizers: {
    generator: { kind: 'sgd', learningRate: 0.05, momentum: 0.9, schedule: { kind: 'cosine', warmupSteps: 1, steps: 6, to: 0.1 } },
    discriminator: { kind: 'adam', learningRate: 0.02, clipNorm: 5 },
  },
  generate: neverBuilt,
};

function neverBuilt(): never {
  throw new Error('nothing in a simulated world loads TensorFlow');
}

export const phases: readonly PlannedPhase[] = recipe.phases.map(({ name, updates, repeat = 1, inputs }) => ({
  name,
  updates: updatedNetworks({ updates }),
  repeat,
  readsData: inputs.includes('real'),
}));
export const roundsPerStep = phases.reduce((sum, { repeat }) => sum + repeat, 0);
export const networks = Object.keys(recipe.networks);
export const recipeHash = createHash('sha256').update('simulated').digest('hex');
export const fingerprint = createHash('sha256').update('fingerprint').digest('hex');

/** Lengths that are not whole lanes of the kernels. */
export const manifests: Manifests = { generator: manifestOf('generator', 7), discriminator: manifestOf('discriminator', 11) };

export const longestGradient = manifests['generator']!.length + manifests['discriminator']!.length;

function manifestOf(name: string, length: number): Manifest {
  const kernel = length - 2;
  return {
    parameters: [
      { name: `${name}/kernel`, shape: [kernel], offset: 0, initializer: { kind: 'uniform', min: -1, max: 1 } },
      { name: `${name}/bias`, shape: [2], offset: kernel, initializer: { kind: 'constant', value: 0 } },
    ],
    length,
    topology: {},
  };
}

const images = Uint8Array.from({ length: samples * pixels }, (_, index) => (index * 37 + 11) % 256);

const file = residentFile('images', images);

export const dataset: Dataset = fileDataset({
  source: 'the simulated data',
  count: samples,
  files: [file],
  columns: [{ field: { name: 'image', shape: [2, 2], dtype: 'uint8' }, file, offset: 0 }],
});

export const datasetInfo = { ...dataset, sha256: dataset.computeSha256() };
/** What each phase reads. */
export const dataInputs = recipe.phases.map((phase) => dataInputsOf(recipe, phase));

export interface Run {
  readonly seed: number;
  readonly batchSize: number;
  readonly shardCount: number;
  /** With `skip`, some rounds are not finite. */
  readonly onNonfinite?: 'stop' | 'skip';
}

/** What goes wrong in a round of a run that may leave rounds out, in its first shard: with its loss, or its gradient alone. */
export function ailmentOf({ seed, onNonfinite }: Run, round: number): 'loss' | 'gradient' | undefined {
  if (onNonfinite !== 'skip' || mix(seed, round) % 3 > 0) return undefined;
  return round % 2 === 0 ? 'loss' : 'gradient';
}

export type Weights = ReadonlyMap<string, Float32Array>;

/** One shard's: its gradient, weighted by its samples, and its mean loss. A pure function. */
export function gradientOfShard(
  run: Run,
  weights: Weights,
  at: { readonly phase: number; readonly round: number; readonly shard: number },
  pixelsOfShard: Uint8Array,
): { readonly flat: Float32Array; readonly outcome: ShardOutcome } {
  const size = shardSizes(run.batchSize, run.shardCount)[at.shard]!;
  let state = mix(mix(mix(run.seed + 1, at.round), at.shard), at.phase);
  for (const pixel of pixelsOfShard) state = mix(state, pixel);
  let sum = 0;
  for (const flat of weights.values()) for (const [index, value] of flat.entries()) sum += value * (index + 1);
  const share = size / run.batchSize;
  const updated = phases[at.phase]!.updates.flatMap((name) => [...weights.get(name)!]);
  const flat = Float32Array.from(updated, (value, index) => {
    state = mix(state, index);
    // Magnitudes apart, so that another order of additions gives other bits.
    return (value * 0.3 + sum * 0.01 + (state / 2 ** 32 - 0.5) * 10 ** (index % 4)) * share;
  });
  const ailment = at.shard === 0 ? ailmentOf(run, at.round) : undefined;
  if (ailment !== undefined) flat[0] = NaN;
  const loss = ailment === 'loss' ? NaN : Math.abs(sum) + mix(state, 1) / 2 ** 32;
  return { flat, outcome: { shard: at.shard, loss, metrics: { score: mix(state, 2) / 2 ** 32 } } };
}

/** Of a worker: sums of whole subtrees, as few as can be. */
export function gradientOfShards(
  run: Run,
  weights: Weights,
  job: { readonly phase: number; readonly round: number; readonly shards: readonly number[]; readonly samples: Uint8Array },
): { readonly nodes: TreeNode[]; readonly flats: Float32Array[]; readonly outcomes: ShardOutcome[] } {
  const sizes = shardSizes(run.batchSize, run.shardCount);
  const flats = new Map<number, Float32Array>();
  const outcomes: ShardOutcome[] = [];
  let start = 0;
  for (const shard of job.shards) {
    const end = start + (phases[job.phase]!.readsData ? sizes[shard]! * pixels : 0);
    const { flat, outcome } = gradientOfShard(run, weights, { ...job, shard }, job.samples.subarray(start, end));
    start = end;
    flats.set(shard, flat);
    outcomes.push(outcome);
  }
  if (start !== job.samples.length) throw new Error(`${job.samples.length} bytes of samples for the shards ${job.shards.join()}`);
  const nodes = cover(job.shards, run.shardCount);
  return { nodes, flats: nodes.map((node) => sumUnder(node, run.shardCount, flats)), outcomes };
}

function sumUnder({ level, index }: TreeNode, shardCount: number, flats: ReadonlyMap<number, Float32Array>): Float32Array {
  if (level === 0) return flats.get(index)!;
  const left = sumUnder({ level: level - 1, index: 2 * index }, shardCount, flats);
  if ((2 * index + 1) << (level - 1) >= shardCount) return left;
  const right = sumUnder({ level: level - 1, index: 2 * index + 1 }, shardCount, flats);
  const sum = new Float32Array(left.length);
  sumInto(sum, left, right);
  return sum;
}

export function picturesOf(weights: Weights, count: number): Float32Array {
  const generator = weights.get('generator')!;
  return Float32Array.from({ length: count * pixels }, (_, index) => Math.abs(generator[index % generator.length]!) % 1);
}

/** A uint32 from two (the finalizer of MurmurHash3). */
function mix(a: number, b: number): number {
  let h = (Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
