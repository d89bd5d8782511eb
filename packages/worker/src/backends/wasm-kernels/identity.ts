/**
 * Identity on wasm without a copy.
 *
 * TF.js's wasm kernel copies the elements; every other backend, and wasm's own Reshape, only counts one more reference. The engine clones
 * each tensor that a gradient needs, so a training step made over a hundred such copies.
 * Tensors never change in place, so sharing is safe.
 */
import type { Tf } from '@lockstep/shared';
import type { TensorInfo } from '@tensorflow/tfjs';
import { replaceKernel } from './kernel-host.ts';

export function repairIdentity(tf: Tf): void {
  replaceKernel(tf, 'Identity', () => (host, inputs) => {
    const { x } = inputs as { x: TensorInfo };
    return host.share(x, x.shape);
  });
}
