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

/** Figures of a network that a gradient has updated. */
export interface UpdatedNetwork {
  readonly name: string;
  /** L2 norm before clipping. */
  readonly gradientNorm: number;
  /** L2 norm of the change of the weights, if it was asked for: it costs a copy of them. */
  readonly updateNorm: number | undefined;
}

/** Elements of the flat that holds the gradients of these networks, one after the other. */
export function gradientLength(networks: readonly Pick<Network, 'manifest'>[]): number {
  return networks.reduce((sum, { manifest }) => sum + manifest.length, 0);
}

/**
 * Checks, clips and applies a summed gradient, which stays as it is: that of each of these networks in turn. Each is clipped by its own
 * norm and its own optimizer's limit. Undefined if any is not finite: nothing was changed then.
 *
 * Two passes over each: one finds the norm, which is finite exactly if the gradient is; the other clips on the way into the optimizer.
 */
export function applyGradients(
  networks: readonly Network[],
  recipe: Recipe,
  gradient: Float32Array,
  isMeasured = false,
): UpdatedNetwork[] | undefined {
  let start = 0;
  const parts = networks.map((network) => {
    const own = gradient.subarray(start, (start += network.manifest.length));
    return { network, own, gradientNorm: Math.sqrt(squaredNorm(own)) };
  });
  if (!parts.every(({ gradientNorm }) => Number.isFinite(gradientNorm))) return undefined;
  return parts.map(({ network, own, gradientNorm }) => {
    const before = isMeasured ? network.weights.slice() : undefined;
    network.optimizer.apply(own, clipScale(gradientNorm, recipe.optimizers[network.name]!.clipNorm));
    network.snapshot = undefined;
    return { name: network.name, gradientNorm, updateNorm: before === undefined ? undefined : distance(before, network.weights) };
  });
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
