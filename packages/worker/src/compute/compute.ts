/**
 * What a worker computes: gradients of shards, and pictures, from versioned weights. A pure function of (weights, samples, noise key).
 *
 * Responsible for: holding weights by version, cutting samples, drawing each shard's noise (ahead, where there is time), and pre-summing
 * whole aligned subtrees in the coordinator's tree. Not responsible for: the protocol and fencing (`core/`), the phase itself
 * (`evaluate.ts`), optimizers (coordinator).
 */
import type { Manifests, Recipe, RunSettings, ShardOutcome, TreeNode } from '@lockstep/shared';
import { childrenOf, cover, elementCount, freeFlat, LockstepError, shardSizes, shardStarts, streams, sumInto } from '@lockstep/shared';
import type { Backend } from '../backends/backend.ts';
import type { Rows, WeightsByNetwork } from './evaluate.ts';
import { createEvaluator } from './evaluate.ts';
import { computeFingerprint } from './fingerprint.ts';
import type { Weights } from '../networks/networks.ts';
import { buildNetworks, manifestsOf } from '../networks/networks.ts';
import { drawInputs, realRows } from './rows.ts';

export interface ComputeOptions {
  readonly backend: Backend;
  readonly recipe: Recipe;
  readonly run: Pick<RunSettings, 'seed' | 'batchSize' | 'shardCount'>;
}

export interface GradientJob {
  /** Index into recipe.phases. */
  readonly phase: number;
  readonly round: number;
  /** Any order; each once. */
  readonly shards: readonly number[];
  /** Pixels of the shards' samples in ascending shard order; empty if the phase does not read 'real'. */
  readonly samples: Uint8Array;
}

export interface GradientAnswer {
  /** The fewest nodes that cover the job's shards, in shard order. */
  readonly nodes: TreeNode[];
  /** One sum per node, of gradients already weighted by n_shard / n_batch. Owned by the caller. */
  readonly flats: Float32Array[];
  /** Per shard, ascending: mean loss and metrics, unweighted. */
  readonly outcomes: ShardOutcome[];
}

export interface Compute {
  readonly manifests: Manifests;
  /** Replaces a network's weights. `flat` is read, and must stay as it is, for as long as its version is computed with. */
  setWeights(network: string, version: number, flat: Float32Array): void;
  /** The version held, if any. */
  version(network: string): number | undefined;
  /** Every network's weights must be set. One call at a time. Throws LockstepError('compute-failed') when the backend fails. */
  gradient(job: GradientJob): Promise<GradientAnswer>;
  /**
   * Draws the inputs of a job that may come next, while there is nothing else to do: a draw depends on the round and the shard alone.
   * Changes no result, whether that job comes or another.
   */
  drawAhead(job: Pick<GradientJob, 'round' | 'shards'>): void;
  /** Pictures from the run's fixed noise: [pictures * pixels], in recipe.real.range. */
  generate(job: { readonly pictures: number }): Promise<Float32Array>;
  /** See fingerprint.ts. Leaves the weights that are set alone. */
  fingerprint(): Promise<string>;
  /** Tensors alive on the backend: constant from one job to the next. */
  tensorCount(): number;
  /** Frees every tensor. */
  dispose(): void;
}

/** Throws LockstepError('recipe-invalid') for networks that break a rule. */
export async function createCompute(options: ComputeOptions): Promise<Compute> {
  const { backend, recipe } = options;
  const { seed, batchSize, shardCount } = options.run;
  if (batchSize < shardCount) throw new Error(`a batch of ${batchSize} cannot be cut into ${shardCount} shards`);
  await backend.tf.ready();
  const networks = buildNetworks(backend.tf, recipe);
  const evaluator = createEvaluator(backend, recipe, networks, batchSize);
  const sizes = shardSizes(batchSize, shardCount);
  const starts = shardStarts(batchSize, shardCount);
  /** One shard's: kept, since new memory of this size costs more than filling it. */
  const realMemory = new Float32Array(Math.max(...sizes) * elementCount(recipe.real.shape));
  const held = new Map<string, { version: number; tensors: Weights }>();
  /** By shard, of the round that may come next. */
  let ahead: { readonly round: number; readonly rows: Map<number, Rows> } = { round: -1, rows: new Map() };
  const draw = (round: number, shard: number, names: readonly string[]): Rows =>
    drawInputs(recipe, names, { seed, stream: streams.inputs, round, start: starts[shard]!, count: sizes[shard]! });
  const drawn = (round: number, shard: number, names: readonly string[]): Rows => {
    const rows = ahead.round === round ? ahead.rows.get(shard) : undefined;
    if (rows === undefined) return draw(round, shard, names);
    // Each only once: whoever gets them frees them.
    ahead.rows.delete(shard);
    return Object.fromEntries(names.filter((name) => rows[name] !== undefined).map((name) => [name, rows[name]!]));
  };
  const release = (network: string): void => held.get(network)?.tensors.forEach((tensor) => tensor.dispose());

  const heldWeights = (): WeightsByNetwork =>
    Object.fromEntries(
      Object.keys(networks).map((network) => {
        const weights = held.get(network);
        if (weights === undefined) throw new Error(`network '${network}' has no weights yet`);
        return [network, weights.tensors];
      }),
    );

  async function gradient(job: GradientJob): Promise<GradientAnswer> {
    const shards = job.shards.toSorted((left, right) => left - right);
    const weights = heldWeights();
    const { name, inputs } = recipe.phases[job.phase]!;
    const samples = inputs.includes('real') ? cutSamples(job.samples, shards, sizes, elementCount(recipe.real.shape)) : undefined;
    const outcomes: ShardOutcome[] = [];
    const realOf = (shard: number): Float32Array => {
      const pixels = samples!.get(shard)!;
      return realRows(recipe.real, pixels, realMemory.subarray(0, pixels.length));
    };

    const ofShard = async (shard: number): Promise<Float32Array> => {
      const count = sizes[shard]!;
      const declared = drawn(job.round, shard, inputs);
      const rows = samples === undefined ? declared : { ...declared, real: realOf(shard) };
      const { flat, loss, metrics } = await evaluator.phase(job.phase, count, weights, rows);
      Object.values(declared).forEach(freeFlat);
      outcomes.push({ shard, loss, metrics });
      return flat;
    };
    // Left before right, so shards come in ascending order and at most one flat per level is alive.
    const ofNode = async (node: TreeNode): Promise<Float32Array> => {
      if (node.level === 0) return ofShard(node.index);
      const [left, right] = childrenOf(node, shardCount);
      const sum = await ofNode(left!);
      if (right === undefined) return sum;
      const addend = await ofNode(right);
      sumInto(sum, sum, addend);
      freeFlat(addend);
      return sum;
    };

    const nodes = cover(shards, shardCount);
    const flats: Float32Array[] = [];
    await failingAs(`phase '${name}'`, async () => {
      for (const node of nodes) flats.push(await ofNode(node));
    });
    return { nodes, flats, outcomes };
  }

  return {
    manifests: manifestsOf(networks),
    setWeights(network, version, flat) {
      if (networks[network] === undefined) throw new Error(`there is no network '${network}'`);
      const tensors = networks[network].split(flat);
      release(network);
      held.set(network, { version, tensors });
    },
    version: (network) => held.get(network)?.version,
    gradient,
    drawAhead({ round, shards }) {
      ahead = { round, rows: new Map(shards.map((shard) => [shard, draw(round, shard, Object.keys(recipe.inputs))])) };
    },
    generate: ({ pictures }) => {
      const rows = drawInputs(recipe, Object.keys(recipe.inputs), { seed, stream: streams.samples, round: 0, start: 0, count: pictures });
      return failingAs('generate', () => evaluator.generate(pictures, heldWeights(), rows));
    },
    fingerprint: () => computeFingerprint({ recipe, networks, evaluator, shardSizes: sizes, mode: backend.mode }),
    tensorCount: () => backend.tf.memory().numTensors,
    dispose() {
      for (const network of held.keys()) release(network);
      held.clear();
      for (const network of Object.values(networks)) network.dispose();
    },
  };
}

/** Samples by shard, as views. */
function cutSamples(samples: Uint8Array, shards: readonly number[], sizes: readonly number[], pixels: number): Map<number, Uint8Array> {
  const cut = new Map<number, Uint8Array>();
  let start = 0;
  for (const shard of shards) {
    const end = start + sizes[shard]! * pixels;
    cut.set(shard, samples.subarray(start, end));
    start = end;
  }
  if (start !== samples.length) throw new Error(`${samples.length} bytes of samples for shards ${shards.join(', ')}, which take ${start}`);
  return cut;
}

/** The fingerprint ran every phase at every shape, so what fails later is the backend: memory, or a lost device. */
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
