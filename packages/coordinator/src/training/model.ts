/**
 * The model: for every network its weights and its optimizer. The coordinator owns them; workers hold copies.
 *
 * Responsible for: drawing initial weights, applying a summed gradient, and handing out snapshots to send.
 * Not responsible for: when a round commits (core), sums (`reduce.ts`), files (`checkpoint/`).
 */
import {
  copyInParts,
  freeFlat,
  initialFlatInParts,
  inParts,
  type Manifest,
  type Manifests,
  type Parts,
  type Recipe,
  squaredNorm,
  squaredNormInParts,
  streams,
} from '@lockstep/shared';
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
export function* createModel(
  recipe: Recipe,
  manifests: Manifests,
  seed: number,
  learningRate: number | undefined,
  saved?: readonly SavedNetwork[],
): Parts<Model> {
  const model = new Map<string, Network>();
  for (const [index, name] of Object.keys(recipe.networks).entries()) {
    const manifest = manifests[name]!;
    const before = saved?.find((network) => network.name === name);
    const initial = before?.weights ?? (yield* initialFlatInParts(manifest, seed, streams.initialWeights + index));
    const optimizer = createOptimizer(recipe.optimizers[name]!, initial, learningRate);
    if (before !== undefined) optimizer.restore(before.optimizer);
    // They are megabytes, and copied by now.
    else freeFlat(initial);
    const state = before?.state?.slice() ?? initialState(manifest, seed, index);
    model.set(name, { name, manifest, weights: optimizer.weights, optimizer, state, snapshot: undefined });
  }
  return model;
}

export function* snapshotWeights(network: Network): Parts<Float32Array> {
  network.snapshot ??= yield* copyInParts(network.weights);
  return network.snapshot;
}

/** Figures of a network that a gradient has updated. */
export interface UpdatedNetwork {
  readonly name: string;
  /** L2 norm before clipping. */
  readonly gradientNorm: number;
  /** L2 norm of the change of the weights, if it was asked for: it costs a copy of them, part by part. */
  readonly updateNorm: number | undefined;
}

/**
 * Checks, clips and applies a summed answer, which stays as it is: the gradient of each of these networks in turn, then the moments of each
 * that has state. Each gradient is clipped by its own norm and its own optimizer's limit. `step`: completed steps, for schedules of the
 * rate. Undefined if any is not finite: nothing was changed then.
 *
 * Two passes over each: one finds the norm, which is finite exactly if the gradient is; the other clips on the way into the optimizer.
 */
export function* applyGradients(
  networks: readonly Network[],
  recipe: Recipe,
  gradient: Float32Array,
  { step, isMeasured = false }: { readonly step: number; readonly isMeasured?: boolean },
): Parts<UpdatedNetwork[] | undefined> {
  let start = 0;
  const updates: { network: Network; own: Float32Array; gradientNorm: number }[] = [];
  for (const network of networks) {
    const own = gradient.subarray(start, (start += network.manifest.length));
    updates.push({ network, own, gradientNorm: Math.sqrt(yield* squaredNormInParts(own)) });
  }
  const states = networks.flatMap(({ manifest, state }) => {
    if (manifest.state === undefined) return [];
    return [{ state: state!, layout: manifest.state, moments: gradient.subarray(start, (start += manifest.state.length)) }];
  });
  const norms = [...updates.map(({ gradientNorm }) => gradientNorm), ...states.map(({ moments }) => squaredNorm(moments))];
  if (!norms.every(Number.isFinite)) return undefined;
  for (const { state, layout, moments } of states) moveState(state, layout, moments);
  const updated: UpdatedNetwork[] = [];
  for (const { network, own, gradientNorm } of updates) {
    const scale = clipScale(gradientNorm, recipe.optimizers[network.name]!.clipNorm);
    const squares = yield* update(network, own, { scale, step }, isMeasured);
    updated.push({ name: network.name, gradientNorm, updateNorm: isMeasured ? Math.sqrt(squares) : undefined });
  }
  return updated;
}

/** The sum of squares of what was added to the weights, if it is measured. */
function* update(
  network: Network,
  gradient: Float32Array,
  options: { readonly scale: number; readonly step: number },
  isMeasured: boolean,
): Parts<number> {
  const { weights, optimizer } = network;
  let squares = 0;
  network.snapshot = undefined;
  yield* inParts(weights.length, (start, end) => {
    const before = isMeasured ? weights.slice(start, end) : undefined;
    optimizer.apply(gradient, { ...options, start, end });
    before?.forEach((weight, index) => (squares += (weight - weights[start + index]!) ** 2));
  });
  return squares;
}

/** The networks as they are now, in copies, which never change. A model that is not trained any more needs none: `isFinal`. */
export function* saveModel(model: Model, isFinal = false): Parts<SavedNetwork[]> {
  const saved: SavedNetwork[] = [];
  for (const network of model.values()) {
    const { name, manifest, optimizer, state } = network;
    const { slots, scalars } = optimizer.state();
    const weights = isFinal ? network.weights : yield* snapshotWeights(network);
    const kept: Record<string, Float32Array> = {};
    for (const [slot, flat] of Object.entries(slots)) kept[slot] = isFinal ? flat : yield* copyInParts(flat);
    const moved = state === undefined ? {} : { state: isFinal ? state : state.slice() };
    saved.push({ name, manifest, weights, optimizer: { kind: optimizer.kind, slots: kept, scalars }, ...moved });
  }
  return saved;
}
