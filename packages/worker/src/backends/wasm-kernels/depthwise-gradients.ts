/**
 * The gradients of depthwise convolutions on wasm, which TF.js lacks: without them no such layer can be trained.
 *
 * With x: [batch, height, width, in], filter: [u, v, in, multiplier] and dy: [batch, rows, columns, in * multiplier],
 *   dfilter[u, v, c, m] = sum over batch, row, column of x[.., row * stride + u - top, column * stride + v - left, c] dy[.., c * multiplier + m]
 *   dx[.., row * stride + u - top, column * stride + v - left, c] = sum over row, column, u, v, m of filter[u, v, c, m] dy[.., c * multiplier + m]
 * as plain loops over the heap, in a fixed order: every output channel belongs to one input channel, so there is no product to hand over.
 *
 * Responsible for: channels last, any strides, padding 'same', 'valid', number or explicit.
 */
import type { Tf } from '@lockstep/shared';
import type { backend_util, TensorInfo } from '@tensorflow/tfjs';
import { type Attributes, type KernelHost, replaceKernel } from './kernel-host.ts';

type Geometry = backend_util.Conv2DInfo;
type Shape4 = [number, number, number, number];

export function addDepthwiseGradients(tf: Tf): void {
  replaceKernel(tf, 'DepthwiseConv2dNativeBackpropFilter', () => (host, inputs, attributes) => {
    const { x, dy } = inputs as { x: TensorInfo; dy: TensorInfo };
    return filterGradient(host, x, dy, geometryOf(tf, x.shape, attributes['filterShape'] as Shape4, attributes));
  });
  replaceKernel(tf, 'DepthwiseConv2dNativeBackpropInput', () => (host, inputs, attributes) => {
    const { dy, filter } = inputs as { dy: TensorInfo; filter: TensorInfo };
    return inputGradient(host, dy, filter, geometryOf(tf, attributes['inputShape'] as Shape4, filter.shape, attributes));
  });
}

function geometryOf(tf: Tf, inputShape: readonly number[], filterShape: readonly number[], attributes: Attributes): Geometry {
  const { strides, dilations, pad, dimRoundingMode } = attributes as {
    strides: number;
    dilations?: number | null;
    pad: number;
    dimRoundingMode?: 'floor';
  };
  const depthwise = true;
  return tf.backend_util.computeConv2DInfo(
    [...inputShape] as Shape4,
    [...filterShape] as Shape4,
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    depthwise,
  );
}

function filterGradient(host: KernelHost, x: TensorInfo, dy: TensorInfo, geometry: Geometry): TensorInfo {
  const { filterHeight, filterWidth, inChannels, outChannels } = geometry;
  const multiplier = outChannels / inChannels;
  const result = host.allocate([filterHeight, filterWidth, inChannels, multiplier]);
  const [from, along, target] = [host.view(x), host.view(dy), host.view(result).fill(0)];
  visit(geometry, (input, output, tap) => {
    for (let channel = 0; channel < outChannels; channel += 1) {
      target[tap * outChannels + channel]! +=
        from[input * inChannels + Math.floor(channel / multiplier)]! * along[output * outChannels + channel]!;
    }
  });
  return result;
}

function inputGradient(host: KernelHost, dy: TensorInfo, filter: TensorInfo, geometry: Geometry): TensorInfo {
  const { inChannels, outChannels, inShape } = geometry;
  const multiplier = outChannels / inChannels;
  const result = host.allocate(inShape);
  const [along, weights, target] = [host.view(dy), host.view(filter), host.view(result).fill(0)];
  visit(geometry, (input, output, tap) => {
    for (let channel = 0; channel < outChannels; channel += 1) {
      target[input * inChannels + Math.floor(channel / multiplier)]! +=
        weights[tap * outChannels + channel]! * along[output * outChannels + channel]!;
    }
  });
  return result;
}

/** Every pair of pixels that a tap of the filter connects, inside the picture: as indices of pixels, over the whole batch. */
function visit(geometry: Geometry, each: (input: number, output: number, tap: number) => void): void {
  const { batchSize, inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth, strideHeight, strideWidth, padInfo } = geometry;
  const { dilationHeight, dilationWidth } = geometry;
  for (let image = 0; image < batchSize; image += 1) {
    for (let row = 0; row < outHeight; row += 1) {
      for (let column = 0; column < outWidth; column += 1) {
        const output = (image * outHeight + row) * outWidth + column;
        for (let u = 0; u < filterHeight; u += 1) {
          const line = row * strideHeight + u * dilationHeight - padInfo.top;
          if (line < 0 || line >= inHeight) continue;
          for (let v = 0; v < filterWidth; v += 1) {
            const place = column * strideWidth + v * dilationWidth - padInfo.left;
            if (place < 0 || place >= inWidth) continue;
            each((image * inHeight + line) * inWidth + place, output, u * filterWidth + v);
          }
        }
      }
    }
  }
}
