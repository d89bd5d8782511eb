/**
 * The model: for every network its weights and its optimizer. The coordinator owns them; workers hold copies.
 *
 * Responsible for: drawing initial weights, applying a summed gradient, and handing out snapshots to send.
 * Not responsible for: when a round commits (core), sums (`reduce.ts`), files (`checkpoint/`).
 */
import { initialFlat, type Manifest, type Manifests, type Recipe, squaredNorm, streams } from '@lockstep/shared';
import { clipScale } from './optimizer/gradient.ts';
import type { Optimizer, OptimizerState } from './optimizer/optimizer.ts';
import { createOptimizer } from './optimizer/update-rules.ts';

export interface Network {
  readonly name: string;
  readonly manifest: Manifest;
  /** The optimizer's: changed in place by every commit; never handed out. */
  readonly weights: Float32Array;
  readonly optimizer: Optimizer;
  /** A copy of the weights since the last commit, shared by every message that carries them; ZeroMQ reads it after `send` has returned. */
  snapshot: Float32Array | undefined;
}

/** Everything a network needs to continue as it was. */
export interface SavedNetwork {
  readonly name: string;
  readonly manifest: Manifest;
  readonly weights: Float32Array;
  /** `kind` as in the recipe; slots are as long as the weights; scalars are finite. */
  readonly optimizer: { readonly kind: string } & OptimizerState;
}

export type Model = ReadonlyMap<string, Network>;

/** The model at the start of a run or, with `saved`, as it was saved. `learningRate` replaces the recipe's for every network. */
export function createModel(
  recipe: Recipe,
  manifests: Manifests,
  seed: number,
  learningRate: number | undefined,
  saved?: readonly SavedNetwork[],
): Model {
  const networks = Object.keys(recipe.networks).map((name, index): [string, Network] => {
    const manifest = manifests[name]!;
    const before = saved?.find((network) => network.name === name);
    const initial = before?.weights ?? initialFlat(manifest, seed, streams.initialWeights + index);
    const optimizer = createOptimizer(recipe.optimizers[name]!, initial, learningRate);
    if (before !== undefined) optimizer.restore(before.optimizer);
    return [name, { name, manifest, weights: optimizer.weights, optimizer, snapshot: undefined }];
  });
  return new Map(networks);
}

export function snapshotWeights(network: Network): Float32Array {
  network.snapshot ??= network.weights.slice();
  return network.snapshot;
}

export type Applied =
  | {
      readonly ok: true;
      /** L2 norm before clipping. */
      readonly gradientNorm: number;
      /** L2 norm of the change of the weights, if it was asked for: it costs a copy of them. */
      readonly updateNorm: number | undefined;
    }
  /** The sum is not finite: nothing was changed. */
  | { readonly ok: false };

/**
 * Checks, clips and applies a summed gradient, which stays as it is. Two passes: one finds the norm, which is
 * finite exactly if the gradient is; the other clips on the way into the optimizer.
 */
export function applyGradient(network: Network, recipe: Recipe, gradient: Float32Array, isMeasured = false): Applied {
  const gradientNorm = Math.sqrt(squaredNorm(gradient));
  if (!Number.isFinite(gradientNorm)) return { ok: false };
  const before = isMeasured ? network.weights.slice() : undefined;
  network.optimizer.apply(gradient, clipScale(gradientNorm, recipe.optimizers[network.name]!.clipNorm));
  network.snapshot = undefined;
  return { ok: true, gradientNorm, updateNorm: before === undefined ? undefined : distance(before, network.weights) };
}

function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) sum += (a[index]! - b[index]!) ** 2;
  return Math.sqrt(sum);
}

/** The networks as they are now, in copies, which never change. A model that is not trained any more needs none: `isFinal`. */
export function saveModel(model: Model, isFinal = false): SavedNetwork[] {
  return [...model.values()].map((network) => {
    const { name, manifest, optimizer } = network;
    const { slots, scalars } = optimizer.state();
    if (isFinal) return { name, manifest, weights: network.weights, optimizer: { kind: optimizer.kind, slots, scalars } };
    const copies = Object.fromEntries(Object.entries(slots).map(([slot, flat]) => [slot, flat.slice()]));
    return { name, manifest, weights: snapshotWeights(network), optimizer: { kind: optimizer.kind, slots: copies, scalars } };
  });
}
