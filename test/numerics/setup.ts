/** What the numerical tests share: computes on the wasm backend, weights that exercise every parameter, and norms. */
import type { Manifest, Recipe } from '@lockstep/shared';
import { initialFlat, sequence, uniform } from '@lockstep/shared';
import type { Backend } from '../../packages/worker/src/backends/backend.ts';
import { loadWasm } from '../../packages/worker/src/backends/wasm.ts';
import type { Compute } from '../../packages/worker/src/compute/compute.ts';
import { createCompute } from '../../packages/worker/src/compute/compute.ts';

export const seed = 11;
let loaded: Promise<Backend> | undefined;

export function wasm(): Promise<Backend> {
  loaded ??= loadWasm();
  return loaded;
}

/** Initial weights, with biases that are not 0: a zero hides errors. */
export function busyWeights(manifest: Manifest, stream: number): Float32Array {
  const flat = initialFlat(manifest, seed, stream);
  const next = sequence(seed, stream, 1 << 20, 0);
  return flat.map((value) => (value === 0 ? 0.2 * uniform(next) - 0.1 : value));
}

export async function readyCompute(recipe: Recipe, batchSize: number, shardCount: number): Promise<Compute> {
  const compute = await createCompute({ backend: await wasm(), recipe, run: { seed, batchSize, shardCount } });
  Object.entries(compute.manifests).forEach(([network, manifest], index) => compute.setWeights(network, 0, busyWeights(manifest, index)));
  return compute;
}

export function randomPixels(length: number): Uint8Array {
  const next = sequence(seed, 99, 0, 0);
  return Uint8Array.from({ length }, () => next() & 0xff);
}

/** ||a - b|| / ||b||, Euclidean, summed in float64. */
export function relativeDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} and ${b.length} elements`);
  let difference = 0;
  let norm = 0;
  for (let index = 0; index < a.length; index += 1) {
    difference += (a[index]! - b[index]!) ** 2;
    norm += b[index]! ** 2;
  }
  return Math.sqrt(difference / norm);
}
