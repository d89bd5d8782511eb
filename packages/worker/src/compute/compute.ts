/**
 * What a worker computes: gradients of shards, and pictures, from versioned weights. A pure function of (weights, samples, noise key).
 *
 * Responsible for: pre-summing whole aligned subtrees in the coordinator's tree. Not responsible for: the order of jobs
 * (`jobs.ts`), cutting samples (`data-inputs.ts`), the phase itself (`evaluate.ts`), or optimizers (the coordinator).
 */
import type { Manifests, Recipe, RunSettings, ShardOutcome, TreeNode } from '@lockstep/shared';
import {
  answerLength,
  childrenOf,
  cover,
  elementCount,
  freeFlat,
  gridPictures,
  inputRows,
  LockstepError,
  pictureInput,
  repetitions,
  shardSizes,
  shardStarts,
  streams,
  sumInto,
  updatedNetworks,
  stepName,
} from '@lockstep/shared';
import type { Backend } from '../backends/backend.ts';
import { buildNetworks, manifestsOf } from '../networks/networks.ts';
import { createDataInputs } from './data-inputs.ts';
import { createDeclaredInputs, type DeclaredInputs } from './declared-inputs.ts';
import { createEvaluator, type Evaluator } from './evaluate.ts';
import { computeFingerprint } from './fingerprint.ts';
import { createHeldWeights, type HeldWeights } from './held-weights.ts';
import type { DrawNoise } from './layer-noise.ts';
import { drawInputs } from './rows.ts';

export interface ComputeOptions {
  readonly backend: Backend;
  readonly recipe: Recipe;
  readonly run: Pick<RunSettings, 'seed' | 'batchSize' | 'shardCount'>;
}

export interface DrawingJob {
  readonly pictures: number;
  /** Which of the model's pictures; 0 if it is not said. */
  readonly pictureSet?: number;
  /** Weights to use instead, by network. */
  readonly averages?: Readonly<Record<string, Float32Array>>;
}

export interface GradientJob {
  /** Index into recipe.phases. */
  readonly phase: number;
  readonly round: number;
  /** Any order; each once. */
  readonly shards: readonly number[];
  /** The shards' samples in ascending shard order, laid out as by `sampleBlocks`; empty if the phase reads no data. */
  readonly samples: Uint8Array;
  /** Called after each shard, in ascending order. */
  readonly shardDone?: (() => void) | undefined;
}

export interface GradientAnswer {
  /** The fewest nodes that cover the job's shards, in shard order. */
  readonly nodes: TreeNode[];
  /** One sum per node, of gradients and moments already weighted by n_shard / n_batch. Owned by the caller. */
  readonly flats: Float32Array[];
  /** Per shard, ascending: mean loss and metrics, unweighted. */
  readonly outcomes: ShardOutcome[];
}

export interface Compute {
  readonly manifests: Manifests;
  /** Elements of the longest flat that `gradient` gives, moments included. */
  readonly longestGradient: number;
  /** Replaces a network's weights, and its state, if it has any. The flats must stay as they are for as long as this version is computed with. */
  setWeights(network: string, version: number, flat: Float32Array, state?: Float32Array): void;
  /** The version held, if any. */
  version(network: string): number | undefined;
  /** Every network's weights must be set. One call at a time. Throws LockstepError('compute-failed') when the backend fails. */
  gradient(job: GradientJob): Promise<GradientAnswer>;
  /**
   * Draws the inputs of a job that may come next, while there is nothing else to do. A draw depends only on the round and the shard, so
   * this changes no result, whether that job comes or another.
   */
  drawAhead(job: Pick<GradientJob, 'round' | 'shards'>): void;
  /**
   * Pictures [pictures * pixels], from noise that depends on the run's seed, the set and a picture's place in it. For a recipe that draws
   * them. As far as whole grids go, the first pictures of a set have equal bits, however many follow.
   */
  generate(job: DrawingJob): Promise<Float32Array>;
  /** See fingerprint.ts. Does not touch the weights that are set. */
  fingerprint(): Promise<string>;
  /** Tensors alive on the backend: constant from one job to the next. */
  tensorCount(): number;
  /** Frees every tensor. */
  dispose(): void;
}

/** A gigabyte of float32: what one frame may carry. */
const maximumGradient = 2 ** 28;

/** Throws LockstepError('recipe-invalid') for networks that break a rule. */
export async function createCompute(options: ComputeOptions): Promise<Compute> {
  const { backend, recipe, run } = options;
  const { seed, batchSize, shardCount } = run;
  if (batchSize < shardCount) throw new Error(`a batch of ${batchSize} cannot be cut into ${shardCount} shards`);
  await backend.tf.ready();
  const networks = buildNetworks(backend.tf, recipe);
  const manifests = manifestsOf(networks);
  const evaluator = createEvaluator(backend, recipe, networks, batchSize);
  const sizes = shardSizes(batchSize, shardCount);
  const inputs = createDeclaredInputs(recipe, run);
  const held = createHeldWeights(networks);
  return {
    manifests,
    longestGradient: longestGradient(recipe, manifests),
    setWeights: held.set,
    version: held.version,
    gradient: createGradient(recipe, evaluator, inputs, held, run),
    drawAhead: ({ round, shards }) => inputs.drawAhead(round, shards),
    generate: createGenerate(recipe, evaluator, held, seed),
    fingerprint: () => computeFingerprint({ recipe, networks, evaluator, shardSizes: sizes, mode: backend.mode }),
    tensorCount: () => backend.tf.memory().numTensors,
    dispose() {
      held.dispose();
      for (const network of Object.values(networks)) network.dispose();
    },
  };
}

/** A grid is drawn at a time: so `generate` sees whole ones, and no more memory is needed than in training. */
function createGenerate(recipe: Recipe, evaluator: Evaluator, held: HeldWeights, seed: number): Compute['generate'] {
  const names = Object.keys(recipe.inputs);
  const portion = gridPictures(recipe);
  return ({ pictures, pictureSet = 0, averages = {} }) =>
    failingAs('generate', () =>
      held.replacing(averages, async (weights) => {
        const length = elementCount(pictureInput(recipe)!.spec.shape);
        const all = new Float32Array(pictures * length);
        for (let start = 0; start < pictures; start += portion) {
          const count = Math.min(portion, pictures - start);
          const rows = drawInputs(recipe, names, { seed, stream: streams.samples, round: pictureSet, start, count });
          const drawn = await evaluator.generate(count, weights, rows);
          all.set(drawn, start * length);
          freeFlat(drawn);
        }
        return all;
      }),
    );
}

function longestGradient(recipe: Recipe, manifests: Manifests): number {
  const lengths = recipe.phases.map((phase) => {
    const length = answerLength(updatedNetworks(phase).map((network) => manifests[network]!));
    if (length <= maximumGradient) return length;
    const problem = `updates ${length} parameters together, and at most ${maximumGradient} are possible`;
    throw new LockstepError(
      'recipe-invalid',
      `Recipe '${recipe.name}', phase '${phase.name}' ${problem}: update fewer networks in one phase.`,
    );
  });
  return Math.max(...lengths);
}

/** Shard after shard, summed up the tree as far as the job's shards fill it. */
function createGradient(
  recipe: Recipe,
  evaluator: Evaluator,
  inputs: DeclaredInputs,
  held: HeldWeights,
  { seed, batchSize, shardCount }: ComputeOptions['run'],
): (job: GradientJob) => Promise<GradientAnswer> {
  const sizes = shardSizes(batchSize, shardCount);
  const starts = shardStarts(batchSize, shardCount);
  const dataOf = createDataInputs(recipe, sizes);
  const roundsPerStep = recipe.phases.reduce((sum, phase) => sum + repetitions(phase), 0);
  return async (job) => {
    const shards = job.shards.toSorted((left, right) => left - right);
    const weights = held.all();
    const phase = recipe.phases[job.phase]!;
    const data = dataOf(phase, shards, job.samples);
    const step = phase.inputs.includes(stepName) ? { [stepName]: Float32Array.of(Math.floor(job.round / roundsPerStep)) } : {};
    const outcomes: ShardOutcome[] = [];
    const ofShard = async (shard: number): Promise<Float32Array> => {
      const declared = inputs.take(job.round, shard, phase.inputs);
      const rows = { ...declared, ...data(shard), ...step };
      const drawNoise: DrawNoise = (spec, index) => inputRows(spec, seed, streams.layers + index, job.round, starts[shard]!, sizes[shard]!);
      const { flat, loss, metrics } = await evaluator.phase(job.phase, sizes[shard]!, weights, rows, drawNoise);
      Object.values(declared).forEach(freeFlat);
      outcomes.push({ shard, loss, metrics });
      job.shardDone?.();
      return flat;
    };
    const nodes = cover(shards, sizes.length);
    const flats: Float32Array[] = [];
    await failingAs(`phase '${phase.name}'`, async () => {
      for (const node of nodes) flats.push(await sumOf(node, sizes.length, ofShard));
    });
    return { nodes, flats, outcomes };
  };
}

/** Left before right, so shards come in ascending order and at most one flat per level is alive. */
async function sumOf(node: TreeNode, shardCount: number, ofShard: (shard: number) => Promise<Float32Array>): Promise<Float32Array> {
  if (node.level === 0) return ofShard(node.index);
  const [left, right] = childrenOf(node, shardCount);
  const sum = await sumOf(left!, shardCount, ofShard);
  if (right === undefined) return sum;
  const addend = await sumOf(right, shardCount, ofShard);
  sumInto(sum, sum, addend);
  freeFlat(addend);
  return sum;
}

/** The fingerprint has run every phase at every shape, so a later failure comes from the backend: memory, or a lost device. */
async function failingAs<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof LockstepError) throw error;
    throw new LockstepError('compute-failed', `The backend failed in ${what}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
