/**
 * Conv2DBackpropFilter on wasm, which TF.js lacks: without it no convolution can be trained.
 *
 * The filter's gradient is itself a convolution. With x: [batch, height, width, in] and dy: [batch, rows, columns, out],
 *   dw[u, v, in, out] = sum over batch, row, column of x[batch, row * stride + u - pad, column * stride + v - pad, in] dy[batch, row, column, out]:
 * swap batch and channels of x, use dy as the filter with the batch as its input channels, dilate it by the stride, and keep x's padding.
 *
 * Responsible for: channels last, any strides, padding 'same', 'valid', number or explicit. Not responsible for: channels first, which
 * wasm's Conv2D does not have either, or dilated convolutions, whose gradient TF.js does not define.
 * Scratch tensors are freed here, and with them the packed filter that Conv2D keeps under its filter's id.
 */
import type { Tf } from '@lockstep/shared';
import type { backend_util, TensorInfo } from '@tensorflow/tfjs';
import { convolutionGeometry } from './convolution-geometry.ts';
import type { KernelHost } from './kernel-host.ts';
import { replaceKernel } from './kernel-host.ts';

export function addConv2dBackpropFilter(tf: Tf): void {
  replaceKernel(tf, 'Conv2DBackpropFilter', () => (host, inputs, attributes) => {
    const { x, dy } = inputs as { x: TensorInfo; dy: TensorInfo };
    if ((attributes['dataFormat'] ?? 'NHWC') !== 'NHWC') {
      throw new Error(`Conv2DBackpropFilter on wasm supports only channels last (NHWC), not ${String(attributes['dataFormat'])}`);
    }
    const filterShape = attributes['filterShape'] as number[];
    return filterGradient(host, x, dy, convolutionGeometry(tf, x.shape, filterShape, attributes));
  });
}

function filterGradient(host: KernelHost, x: TensorInfo, dy: TensorInfo, forward: backend_util.Conv2DInfo): TensorInfo {
  const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo } = forward;
  const [, inHeight = 0, inWidth = 0] = x.shape;
  const [, rows = 0, columns = 0] = dy.shape;
  const padBottom = trailingPad(filterHeight, rows, strideHeight, inHeight, padInfo.top);
  const padRight = trailingPad(filterWidth, columns, strideWidth, inWidth, padInfo.left);
  const channelsAsBatch = host.run('Transpose', { x }, { perm: [3, 1, 2, 0] });
  const dyAsFilter = host.run('Transpose', { x: dy }, { perm: [1, 2, 0, 3] });
  const gradient = host.run(
    'Conv2D',
    { x: channelsAsBatch, filter: dyAsFilter },
    {
      strides: 1,
      dilations: [strideHeight, strideWidth],
      pad: [
        [0, 0],
        [padInfo.top, padBottom],
        [padInfo.left, padRight],
        [0, 0],
      ],
      dataFormat: 'NHWC',
    },
  );
  host.free(channelsAsBatch);
  host.free(dyAsFilter);
  const cut = cutTo(host, gradient, filterHeight, filterWidth);
  const result = host.run('Transpose', { x: cut }, { perm: [1, 2, 0, 3] });
  host.free(cut);
  return result;
}

/** Padding after the last pixel so that at least `filterLength` results come out; where a stride left pixels unused, more do. */
function trailingPad(filterLength: number, steps: number, stride: number, inLength: number, leadingPad: number): number {
  return Math.max(0, filterLength + (steps - 1) * stride - inLength - leadingPad);
}

/** [in, height, width, out] cut to the filter's size. Frees its argument. */
function cutTo(host: KernelHost, gradient: TensorInfo, height: number, width: number): TensorInfo {
  const [channels = 0, gradientHeight = 0, gradientWidth = 0, outChannels = 0] = gradient.shape;
  if (gradientHeight === height && gradientWidth === width) return gradient;
  const cut = host.run('Slice', { x: gradient }, { begin: [0, 0, 0, 0], size: [channels, height, width, outChannels] });
  host.free(gradient);
  return cut;
}
