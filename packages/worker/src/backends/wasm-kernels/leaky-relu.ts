/**
 * LeakyRelu and its gradient on wasm, repaired: the same bits (except for the sign of zero), some 20 times faster.
 *
 * TF.js's kernel is a scalar loop, and its gradient chooses with Greater and Select, scalar too. XNNPACK's Prelu is the same function with
 * one slope per channel, and the derivative is exactly TF.js's Step with the slope as its value below 0. As Step has a gradient and
 * Greater has none, leaky ReLU can now be differentiated twice as well, as gradient penalties need.
 *
 * Responsible for: float32. Not responsible for: other types, which go to TF.js's kernel and are refused there.
 */
import type { Tensor, Tf } from '@lockstep/shared';
import type { TensorInfo } from '@tensorflow/tfjs';
import { replaceKernel } from './kernel-host.ts';

export function repairLeakyRelu(tf: Tf): void {
  replaceKernel(tf, 'LeakyRelu', (stock) => (host, inputs, attributes) => {
    const { x } = inputs as { x: TensorInfo };
    const channels = x.shape.at(-1) ?? 1;
    if (x.dtype !== 'float32' || x.shape.includes(0)) return stock(host, inputs, attributes);
    const slopes = host.allocate([channels]);
    host.view(slopes).fill(attributes['alpha'] as number);
    const result = host.run('Prelu', { x, alpha: slopes });
    host.free(slopes);
    return result;
  });
  tf.registerGradient({
    kernelName: 'LeakyRelu',
    inputsToSave: ['x'],
    gradFunc: (dy, saved, attributes) => {
      const { alpha } = attributes as unknown as { alpha: number };
      return { x: () => tf.mul(dy as Tensor, tf.step(saved[0]!, alpha)) };
    },
  });
}
