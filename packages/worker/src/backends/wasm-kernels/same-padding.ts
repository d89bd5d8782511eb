/**
 * Convolutions on wasm with padding 'same' and a filter smaller than its stride, repaired: where no padding is needed, TF.js's kernels
 * leave the result at 0 (XNNPACK refuses the sizes, and nobody looks). Given the same padding in numbers, they are right.
 */
import type { Tf } from '@lockstep/shared';
import type { TensorInfo } from '@tensorflow/tfjs';
import { type Attributes, replaceKernel } from './kernel-host.ts';

const kernelNames = ['Conv2D', 'FusedConv2D', 'DepthwiseConv2dNative', 'FusedDepthwiseConv2D'] as const;

export function repairSamePadding(tf: Tf): void {
  for (const kernelName of kernelNames) {
    replaceKernel(tf, kernelName, (stock) => (host, inputs, attributes) => {
      const { x, filter } = inputs as { x: TensorInfo; filter: TensorInfo };
      return stock(host, inputs, attributes['pad'] === 'same' ? inNumbers(tf, x.shape, filter.shape, attributes) : attributes);
    });
  }
}

type Shape4 = [number, number, number, number];
type Pair = [number, number];

function inNumbers(tf: Tf, shape: readonly number[], filterShape: readonly number[], attributes: Attributes): Attributes {
  const { strides, dilations } = attributes as { strides: number | Pair; dilations?: number | Pair | null };
  const [strideHeight, strideWidth] = typeof strides === 'number' ? [strides, strides] : strides;
  if (filterShape[0]! >= strideHeight && filterShape[1]! >= strideWidth) return attributes;
  const { padInfo } = tf.backend_util.computeConv2DInfo([...shape] as Shape4, [...filterShape] as Shape4, strides, dilations ?? 1, 'same');
  const pad = [
    [0, 0],
    [padInfo.top, padInfo.bottom],
    [padInfo.left, padInfo.right],
    [0, 0],
  ];
  return { ...attributes, pad };
}
