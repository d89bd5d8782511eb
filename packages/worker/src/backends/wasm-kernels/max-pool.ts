/**
 * Max pooling in 3D and the gradients of max pooling on wasm, repaired: TF.js's kernels take the smallest positive number for the smallest
 * of all, so a window without a positive number loses its gradient, and in 3D its maximum.
 *
 * Of equal elements the first of a window is its maximum, as on TF.js's other backends.
 */
import type { Tf } from '@lockstep/shared';
import type { backend_util, TensorInfo } from '@tensorflow/tfjs';
import { replaceKernel, type Repair } from './kernel-host.ts';

/** [depth, height, width], of which plain pictures have a depth of 1. */
type Triple = readonly [number, number, number];

interface Geometry {
  readonly batch: number;
  readonly channels: number;
  readonly input: Triple;
  readonly output: Triple;
  readonly filter: Triple;
  readonly strides: Triple;
  readonly padding: Triple;
}

interface Pooling {
  readonly filterSize: [number, number, number];
  readonly strides: [number, number, number];
  readonly pad: 'valid' | 'same' | number;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

export function repairMaxPool(tf: Tf): void {
  replaceKernel(tf, 'MaxPoolGrad', () => gradient((shape, attributes) => planeGeometry(tf, shape, attributes)));
  replaceKernel(tf, 'MaxPool3D', () => forward((shape, attributes) => spaceGeometry(tf, shape, attributes)));
  replaceKernel(tf, 'MaxPool3DGrad', () => gradient((shape, attributes) => spaceGeometry(tf, shape, attributes)));
}

function planeGeometry(tf: Tf, shape: readonly number[], attributes: Pooling): Geometry {
  const { filterSize, strides, pad, dimRoundingMode } = attributes as unknown as Omit<Pooling, 'filterSize' | 'strides'> & {
    readonly filterSize: [number, number];
    readonly strides: [number, number];
  };
  const info: backend_util.Conv2DInfo = tf.backend_util.computePool2DInfo(
    shape as [number, number, number, number],
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  return {
    batch: info.batchSize,
    channels: info.inChannels,
    input: [1, info.inHeight, info.inWidth],
    output: [1, info.outHeight, info.outWidth],
    filter: [1, info.effectiveFilterHeight, info.effectiveFilterWidth],
    strides: [1, info.strideHeight, info.strideWidth],
    padding: [0, info.padInfo.top, info.padInfo.left],
  };
}

function spaceGeometry(tf: Tf, shape: readonly number[], { filterSize, strides, pad, dimRoundingMode }: Pooling): Geometry {
  const info: backend_util.Conv3DInfo = tf.backend_util.computePool3DInfo(
    shape as [number, number, number, number, number],
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  return {
    batch: info.batchSize,
    channels: info.inChannels,
    input: [info.inDepth, info.inHeight, info.inWidth],
    output: [info.outDepth, info.outHeight, info.outWidth],
    filter: [info.effectiveFilterDepth, info.effectiveFilterHeight, info.effectiveFilterWidth],
    strides: [info.strideDepth, info.strideHeight, info.strideWidth],
    padding: [info.padInfo.front, info.padInfo.top, info.padInfo.left],
  };
}

type GeometryOf = (shape: readonly number[], attributes: Pooling) => Geometry;

function forward(geometryOf: GeometryOf): Repair {
  return (host, inputs, attributes) => {
    const { x } = inputs as { x: TensorInfo };
    const geometry = geometryOf(x.shape, attributes as unknown as Pooling);
    const result = host.allocate([geometry.batch, ...geometry.output, geometry.channels]);
    const [elements, maxima] = [host.view(x), host.view(result)];
    visit(geometry, elements, (place, window) => (maxima[window] = elements[place]!));
    return result;
  };
}

function gradient(geometryOf: GeometryOf): Repair {
  return (host, inputs, attributes) => {
    const { dy, input } = inputs as { dy: TensorInfo; input: TensorInfo };
    const geometry = geometryOf(input.shape, attributes as unknown as Pooling);
    const result = host.allocate(input.shape);
    const [given, dx] = [host.view(dy), host.view(result).fill(0)];
    visit(geometry, host.view(input), (place, window) => (dx[place]! += given[window]!));
    return result;
  };
}

/** Calls with the place of each window's maximum, in the order of windows. */
function visit({ batch, channels, input, output, filter, strides, padding }: Geometry, x: Float32Array, found: Found): void {
  const at = (sample: number, depth: number, row: number, column: number): number =>
    (((sample * input[0] + depth) * input[1] + row) * input[2] + column) * channels;
  const limits = (axis: 0 | 1 | 2, index: number): [number, number] => {
    const start = index * strides[axis] - padding[axis];
    return [Math.max(0, start), Math.min(input[axis], start + filter[axis])];
  };
  let window = 0;
  for (let sample = 0; sample < batch; sample += 1)
    for (let depth = 0; depth < output[0]; depth += 1)
      for (let row = 0; row < output[1]; row += 1)
        for (let column = 0; column < output[2]; column += 1) {
          const [[d0, d1], [r0, r1], [c0, c1]] = [limits(0, depth), limits(1, row), limits(2, column)];
          for (let channel = 0; channel < channels; channel += 1) {
            let best = -1;
            for (let d = d0; d < d1; d += 1)
              for (let r = r0; r < r1; r += 1)
                for (let c = c0; c < c1; c += 1) {
                  const place = at(sample, d, r, c) + channel;
                  if (best < 0 || x[place]! > x[best]!) best = place;
                }
            found(best, window);
            window += 1;
          }
        }
}

type Found = (place: number, window: number) => void;
