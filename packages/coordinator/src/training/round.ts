/**
 * The tensors of the round under way: its batch, the sum of its gradients, its losses.
 *
 * Responsible for: everything between "a round begins" and "its gradient is applied". Not responsible for: who computes what (core),
 * or what happens to the figures (`reporting/recorder.ts`).
 */
import {
  answerLength,
  type FlatPool,
  type Parts,
  type Recipe,
  type RunSettings,
  shardSizes,
  shardStarts,
  type ShardOutcome,
  type TreeNode,
  updatedNetworks,
} from '@lockstep/shared';
import type { Cursor } from '../core/cursor.ts';
import type { Batches } from '../data/batches.ts';
import { applyGradients, type Model, type UpdatedNetwork } from './model.ts';
import { createTreeSum, type TreeSum } from './reduce.ts';

/** Figures of a committed round. */
export interface Committed {
  readonly phase: string;
  /** Mean over the batch. */
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** Those that were updated. */
  readonly networks: readonly UpdatedNetwork[];
  readonly reduceSeconds: number;
  readonly applySeconds: number;
}

/** A round that cannot be committed, and why. Nothing was changed. Figures may be NaN or infinite. */
export interface NotFinite extends Pick<Committed, 'phase' | 'loss' | 'metrics' | 'networks'> {
  readonly reason: string;
}

export interface Round {
  /** Elements of each flat that a worker answers with. */
  readonly length: number;
  /** What the phase reads of these shards' samples, in shard order, in `sampleMemory`; empty if it reads no data. */
  samples(shards: readonly number[]): Uint8Array;
  /** The flats must stay as they are until `detach` or `commit`. */
  accept(nodes: readonly TreeNode[], flats: readonly Float32Array[], outcomes: readonly ShardOutcome[]): Parts<void>;
  /** Call it before a worker is given work: the worker may then write over its earlier answer. */
  detach(): Parts<void>;
  /** Once every shard is in. */
  commit(measuresUpdate: boolean): Parts<Committed | NotFinite>;
}

export interface RoundOptions {
  readonly recipe: Recipe;
  readonly run: Pick<RunSettings, 'batchSize' | 'shardCount'>;
  /** The round's is there. */
  readonly batches: Batches;
  readonly model: Model;
  /** Room for the samples of a batch. */
  readonly sampleMemory: Uint8Array;
  /** For sums of gradients. */
  readonly pool: FlatPool;
  /** For durations only. */
  readonly nowMs: () => number;
}

export function beginRound(options: RoundOptions, cursor: Cursor): Round {
  const { recipe, model, sampleMemory, nowMs } = options;
  const { batchSize, shardCount } = options.run;
  const phase = recipe.phases[cursor.phase]!;
  const networks = updatedNetworks(phase).map((name) => model.get(name)!);
  const sizes = shardSizes(batchSize, shardCount);
  const starts = shardStarts(batchSize, shardCount);
  const batch = options.batches.at(cursor);
  const sum: TreeSum = createTreeSum(shardCount, options.pool);
  const outcomes: ShardOutcome[] = Array.from({ length: shardCount });
  let reduceMs = 0;

  return {
    length: answerLength(networks.map(({ manifest }) => manifest)),
    samples(shards) {
      if (batch === undefined) return sampleMemory.subarray(0, 0);
      const ranges = shards.map((shard) => ({ start: starts[shard]!, end: starts[shard]! + sizes[shard]! }));
      return batch.copy(ranges, sampleMemory);
    },
    *accept(nodes, flats, results) {
      const startMs = nowMs();
      for (const [index, node] of nodes.entries()) yield* sum.add(node, flats[index]!);
      for (const outcome of results) outcomes[outcome.shard] = outcome;
      reduceMs += nowMs() - startMs;
    },
    detach: sum.detach,
    *commit(measuresUpdate) {
      const startMs = nowMs();
      const loss = mean(
        outcomes.map((outcome) => outcome.loss),
        sizes,
      );
      const metrics = Object.fromEntries(
        Object.keys(outcomes[0]!.metrics).map((name) => [
          name,
          mean(
            outcomes.map((outcome) => outcome.metrics[name]!),
            sizes,
          ),
        ]),
      );
      const gradient = sum.total()!;
      const updated = Number.isFinite(loss)
        ? yield* applyGradients(networks, recipe, gradient, { step: cursor.step, isMeasured: measuresUpdate })
        : undefined;
      options.pool.give(gradient);
      if (updated === undefined) {
        const updates = networks.map(({ name }) => name);
        return notFinite(`step ${cursor.step + 1}, phase ${phase.name}`, { phase: phase.name, loss, metrics }, updates);
      }
      const applySeconds = (nowMs() - startMs) / 1000;
      return { phase: phase.name, loss, metrics, networks: updated, reduceSeconds: reduceMs / 1000, applySeconds };
    },
  };
}

function notFinite(where: string, figures: Pick<NotFinite, 'phase' | 'loss' | 'metrics'>, networks: readonly string[]): NotFinite {
  const what = Number.isFinite(figures.loss) ? `gradient of ${where} is not finite` : `loss of ${where} is ${figures.loss}`;
  const unknown = networks.map((name) => ({ name, gradientNorm: NaN, updateNorm: undefined }));
  return { ...figures, reason: `The ${what}. Lower --learning-rate or check the recipe's loss.`, networks: unknown };
}

/** Mean over the batch of per-shard means, in shard order and float64: the same for any assignment. */
function mean(values: readonly number[], sizes: readonly number[]): number {
  let sum = 0;
  let count = 0;
  for (const [shard, value] of values.entries()) {
    sum += value * sizes[shard]!;
    count += sizes[shard]!;
  }
  return sum / count;
}
