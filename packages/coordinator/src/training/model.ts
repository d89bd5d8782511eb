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
import { initialState, moveState } from './state.ts';

export interface Network {
  readonly name: string;
  readonly manifest: Manifest;
  /** The optimizer's: changed in place by every commit; never handed out. */
  readonly weights: Float32Array;
  readonly optimizer: Optimizer;
  /** If it has state: changed in place by every commit. */
  readonly state: Float32Array | undefined;
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
  /** Absent if the manifest has none. */
  readonly state?: Float32Array;
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
    const state = before?.state?.slice() ?? initialState(manifest, seed, index);
    return [name, { name, manifest, weights: optimizer.weights, optimizer, state, snapshot: undefined }];
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

/**
 * Checks, clips and applies a summed answer, which stays as it is: the gradient of each of these networks in turn, then the moments of each
 * that has state. Each gradient is clipped by its own norm and its own optimizer's limit. `step`: completed steps, for schedules of the
 * rate. Undefined if any is not finite: nothing was changed then.
 *
 * Two passes over each: one finds the norm, which is finite exactly if the gradient is; the other clips on the way into the optimizer.
 */
export function applyGradients(
  networks: readonly Network[],
  recipe: Recipe,
  gradient: Float32Array,
  { step, isMeasured = false }: { readonly step: number; readonly isMeasured?: boolean },
): UpdatedNetwork[] | undefined {
  let start = 0;
  const parts = networks.map((network) => {
    const own = gradient.subarray(start, (start += network.manifest.length));
    return { network, own, gradientNorm: Math.sqrt(squaredNorm(own)) };
  });
  const states = networks.flatMap(({ manifest, state }) => {
    if (manifest.state === undefined) return [];
    return [{ state: state!, layout: manifest.state, moments: gradient.subarray(start, (start += manifest.state.length)) }];
  });
  const norms = [...parts.map(({ gradientNorm }) => gradientNorm), ...states.map(({ moments }) => squaredNorm(moments))];
  if (!norms.every(Number.isFinite)) return undefined;
  for (const { state, layout, moments } of states) moveState(state, layout, moments);
  return parts.map(({ network, own, gradientNorm }) => {
    const before = isMeasured ? network.weights.slice() : undefined;
    network.optimizer.apply(own, { scale: clipScale(gradientNorm, recipe.optimizers[network.name]!.clipNorm), step });
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
    const { name, manifest, optimizer, state } = network;
    const { slots, scalars } = optimizer.state();
    const moved = state === undefined ? {} : { state: isFinal ? state : state.slice() };
    if (isFinal) return { name, manifest, weights: network.weights, optimizer: { kind: optimizer.kind, slots, scalars }, ...moved };
    const copies = Object.fromEntries(Object.entries(slots).map(([slot, flat]) => [slot, flat.slice()]));
    return { name, manifest, weights: snapshotWeights(network), optimizer: { kind: optimizer.kind, slots: copies, scalars }, ...moved };
  });
}
