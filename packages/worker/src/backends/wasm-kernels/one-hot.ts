/**
 * OneHot on wasm, repaired for float32: TF.js's kernel writes whole numbers into it, whose bits are not those of 1 and 0 as floats.
 *
 * Not responsible for: other types, which go to TF.js's kernel.
 */
import type { Tf } from '@lockstep/shared';
import type { TensorInfo } from '@tensorflow/tfjs';
import { replaceKernel } from './kernel-host.ts';

export function repairOneHot(tf: Tf): void {
  replaceKernel(tf, 'OneHot', (stock) => (host, inputs, attributes) => {
    const { dtype, depth, onValue, offValue } = attributes as { dtype: string; depth: number; onValue: number; offValue: number };
    const { indices } = inputs as { indices: TensorInfo };
    if (dtype !== 'float32') return stock(host, inputs, attributes);
    const result = host.allocate([...indices.shape, depth]);
    const rows = host.view(result).fill(offValue);
    host.view(indices).forEach((index, row) => {
      if (index >= 0 && index < depth) rows[row * depth + index] = onValue;
    });
    return result;
  });
}
