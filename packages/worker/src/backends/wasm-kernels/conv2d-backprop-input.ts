/**
 * Conv2DBackpropInput on wasm, repaired: the gradient of a convolution's input, and the forward pass of conv2dTranspose.
 *
 * TF.js has a scalar loop here, at a tenth of the speed of its convolutions. This is the usual faster method ("col2im", as in Caffe):
 * one product gives, for each pixel of dy, its contribution to the patch of the input it came from; the patches are then added up where
 * they overlap.
 *
 * Responsible for: channels last. Not responsible for: channels first, which goes to TF.js's kernel.
 * Images are taken in groups, so that the patches, larger than the input by the filter's area, stay small.
 */
import type { Tf } from '@lockstep/shared';
import type { backend_util, TensorInfo } from '@tensorflow/tfjs';
import { convolutionGeometry } from './convolution-geometry.ts';
import type { KernelHost } from './kernel-host.ts';
import { replaceKernel } from './kernel-host.ts';

type Geometry = backend_util.Conv2DInfo;

/** 4 MiB of patches at a time, or one image's. */
const patchElementsAtOnce = 2 ** 20;

export function repairConv2dBackpropInput(tf: Tf): void {
  replaceKernel(tf, 'Conv2DBackpropInput', (stock) => (host, inputs, attributes) => {
    const { dy, filter } = inputs as { dy: TensorInfo; filter: TensorInfo };
    const float = dy.dtype === 'float32' && filter.dtype === 'float32';
    if ((attributes['dataFormat'] ?? 'NHWC') !== 'NHWC' || !float) return stock(host, inputs, attributes);
    const inputShape = attributes['inputShape'] as number[];
    return inputGradient(host, dy, filter, convolutionGeometry(tf, inputShape, filter.shape, attributes));
  });
}

function inputGradient(host: KernelHost, dy: TensorInfo, filter: TensorInfo, geometry: Geometry): TensorInfo {
  const { batchSize, outHeight, outWidth, outChannels, filterHeight, filterWidth, inChannels } = geometry;
  const patch = filterHeight * filterWidth * inChannels;
  const pixels = outHeight * outWidth;
  const result = host.allocate(geometry.inShape);
  host.view(result).fill(0);
  const filterMatrix = host.share(filter, [patch, outChannels]);
  // Transposed once, so that its packed form serves every group.
  const toPatches = host.run('Transpose', { x: filterMatrix }, { perm: [1, 0] });
  host.free(filterMatrix);
  const groupSize = Math.max(1, Math.floor(patchElementsAtOnce / Math.max(1, pixels * patch)));
  for (let image = 0; image < batchSize; image += groupSize) {
    const images = Math.min(groupSize, batchSize - image);
    const group = copyRange(host, dy, image * pixels * outChannels, [images * pixels, outChannels]);
    const patches = host.run('BatchMatMul', { a: group, b: toPatches }, { transposeA: false, transposeB: false });
    host.free(group);
    addPatches(host.view(patches), host.view(result), image, images, geometry);
    host.free(patches);
  }
  host.free(toPatches);
  return result;
}

/** Elements from `start` on, as a tensor of its own. */
function copyRange(host: KernelHost, tensor: TensorInfo, start: number, shape: readonly number[]): TensorInfo {
  const copy = host.allocate(shape);
  const target = host.view(copy);
  target.set(host.view(tensor).subarray(start, start + target.length));
  return copy;
}

/** Adds patches [images, outHeight, outWidth, filterHeight, filterWidth, inChannels] to images [.., inHeight, inWidth, inChannels]. */
function addPatches(patches: Float32Array, target: Float32Array, firstImage: number, images: number, geometry: Geometry): void {
  const { outHeight, outWidth, filterHeight, filterWidth, inHeight, inWidth, inChannels, strideHeight, strideWidth, padInfo } = geometry;
  const patchRow = filterWidth * inChannels;
  let source = 0;
  for (let image = firstImage; image < firstImage + images; image += 1) {
    for (let row = 0; row < outHeight; row += 1) {
      const top = row * strideHeight - padInfo.top;
      for (let column = 0; column < outWidth; column += 1) {
        const left = column * strideWidth - padInfo.left;
        // Filter columns that fall inside the image: with their channels, one contiguous run in both arrays.
        const skip = Math.max(0, -left) * inChannels;
        const length = (Math.min(filterWidth, inWidth - left) - Math.max(0, -left)) * inChannels;
        for (let v = 0; v < filterHeight; v += 1, source += patchRow) {
          const line = top + v;
          if (line < 0 || line >= inHeight) continue;
          const to = ((image * inHeight + line) * inWidth + left) * inChannels + skip;
          const from = source + skip;
          for (let k = 0; k < length; k += 1) target[to + k]! += patches[from + k]!;
        }
      }
    }
  }
}
