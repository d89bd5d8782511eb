/**
 * The model: for every network its weights, their version and its optimizer. The coordinator owns them; workers hold copies.
 *
 * Responsible for: drawing initial weights, applying a summed gradient, and handing out snapshots to send.
 * Not responsible for: when a round commits (core), sums (`reduce.ts`), files (`checkpoint/`).
 */
import { initialFlat, type Manifest, type Manifests, type Recipe, squaredNorm, streams } from '@lockstep/shared';
import { createOptimizer, type Optimizer, type OptimizerState } from './optimizer/index.ts';
import { clipScale } from './optimizer/gradient.ts';

export interface Network {
  readonly name: string;
  readonly manifest: Manifest;
  /** Commits so far. */
  version: number;
  /** The optimizer's: changed in place by every commit; never handed out. */
  readonly weights: Float32Array;
  readonly optimizer: Optimizer;
  /** A copy of the weights at `version`, shared by every message that carries them; ZeroMQ reads it after `send` has returned. */
  snapshot: Float32Array | undefined;
}

/** What a checkpoint holds of a network. */
export interface SavedNetwork {
  readonly version: number;
  readonly weights: Float32Array;
  readonly optimizer: OptimizerState;
}

export type Model = ReadonlyMap<string, Network>;

/** The start of a run, or, with `saved`, the run as it was. `learningRate` replaces the recipe's for every network. */
export function createModel(
  recipe: Recipe,
  manifests: Manifests,
  seed: number,
  learningRate: number | undefined,
  saved?: Readonly<Record<string, SavedNetwork>>,
): Model {
  const networks = Object.keys(recipe.networks).map((name, index): [string, Network] => {
    const manifest = manifests[name]!;
    const before = saved?.[name];
    const initial = before?.weights ?? initialFlat(manifest, seed, streams.initialWeights + index);
    const optimizer = createOptimizer(recipe.optimizers[name]!, initial, learningRate);
    if (before !== undefined) optimizer.restore(before.optimizer);
    return [name, { name, manifest, version: before?.version ?? 0, weights: optimizer.weights, optimizer, snapshot: undefined }];
  });
  return new Map(networks);
}

export function snapshotWeights(network: Network): Float32Array {
  network.snapshot ??= network.weights.slice();
  return network.snapshot;
}

export type Applied =
  | { readonly ok: true; /** L2 norm before clipping. */ readonly gradientNorm: number }
  /** Not a finite sum: nothing was changed. */
  | { readonly ok: false };

/**
 * Checks, clips and applies a summed gradient, which stays as it is, and raises the version. Two passes: one finds the norm, which is
 * finite exactly if the gradient is; the other clips on the way into the optimizer.
 */
export function applyGradient(network: Network, recipe: Recipe, gradient: Float32Array): Applied {
  const gradientNorm = Math.sqrt(squaredNorm(gradient));
  if (!Number.isFinite(gradientNorm)) return { ok: false };
  network.optimizer.apply(gradient, clipScale(gradientNorm, recipe.optimizers[network.name]!.clipNorm));
  network.version += 1;
  network.snapshot = undefined;
  return { ok: true, gradientNorm };
}

/** What `createModel` takes, from a checkpoint's list. */
export function savedNetworks(networks: readonly ({ readonly name: string } & SavedNetwork)[]): Record<string, SavedNetwork> {
  return Object.fromEntries(networks.map((network) => [network.name, network]));
}

export function saveModel(model: Model): Record<string, SavedNetwork> {
  const saved = [...model.values()].map(
    (network) =>
      [network.name, { version: network.version, weights: snapshotWeights(network), optimizer: network.optimizer.save() }] as const,
  );
  return Object.fromEntries(saved);
}
