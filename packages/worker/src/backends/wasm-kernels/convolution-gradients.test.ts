import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Tensor, Tf } from '@lockstep/shared';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import fc from 'fast-check';
import { heapBytes, normal, referenceTf, relativeDifference } from '../testing/evaluate.ts';
import { loadWasm } from '../wasm.ts';

type Image = ReturnType<Tf['tensor4d']>;
type Pad = 'same' | 'valid' | number | [[number, number], [number, number], [number, number], [number, number]];

interface Geometry {
  readonly batch: number;
  readonly size: readonly [number, number];
  readonly channels: readonly [number, number];
  readonly filter: readonly [number, number];
  readonly strides: [number, number];
  readonly pad: Pad;
}

let tf: Tf;
before(async () => {
  tf = await referenceTf();
  await loadWasm();
});

const length = (max: number) => fc.integer({ min: 1, max });
const margin = fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 }));
const pad = fc.oneof(
  fc.constantFrom<Pad>('same', 'valid', 0, 1, 2),
  fc.tuple(margin, margin).map(([rows, columns]): Pad => [[0, 0], rows, columns, [0, 0]]),
);
const geometries: fc.Arbitrary<Geometry> = fc
  .record({
    batch: length(3),
    size: fc.tuple(fc.integer({ min: 4, max: 9 }), fc.integer({ min: 4, max: 9 })),
    channels: fc.tuple(length(5), length(5)),
    filter: fc.tuple(length(4), length(4)),
    strides: fc.tuple(length(3), length(3)),
    pad,
  })
  .filter((geometry) => hasWholeOutput(geometry));

/** TF.js refuses a padding that leaves a fraction of an output, unless told how to round. */
function hasWholeOutput({ size, filter, strides, pad: padding }: Geometry): boolean {
  if (typeof padding === 'string') return true;
  return [0, 1].every((axis) => {
    const added = typeof padding === 'number' ? 2 * padding : padding[axis + 1]![0] + padding[axis + 1]![1];
    const steps = (size[axis]! + added - filter[axis]!) / strides[axis]!;
    return Number.isInteger(steps);
  });
}

/**
 * Both gradients of a convolution on the current backend, without its forward pass: TF.js's wasm Conv2D is wrong for some of these
 * geometries ('same' with a filter smaller than its stride; a number with unequal strides or filter sides).
 */
function gradients({ batch, size, channels, filter, strides, pad: padding }: Geometry): Float32Array[] {
  const results = tf.tidy(() => {
    const x = normal(tf, [batch, ...size, channels[0]], 0) as Image;
    const weights = normal(tf, [...filter, ...channels], 1) as Image;
    const { outShape } = tf.backend_util.computeConv2DInfo(x.shape, weights.shape, strides, 1, padding);
    const dy = normal(tf, outShape, 2);
    const common = { strides, pad: padding, dataFormat: 'NHWC' } as { strides: [number, number]; pad: number; dataFormat: string };
    return [
      tf.engine().runKernel<Tensor>('Conv2DBackpropInput', { dy, filter: weights }, { ...common, inputShape: x.shape }),
      tf.engine().runKernel<Tensor>('Conv2DBackpropFilter', { x, dy }, { ...common, filterShape: weights.shape }),
    ];
  });
  const values = results.map((tensor) => tensor.dataSync() as Float32Array);
  tf.dispose(results);
  return values;
}

describe('gradients of conv2d on wasm', () => {
  it('agree with the cpu backend for any geometry, and leave nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(geometries, async (geometry) => {
        await tf.setBackend('cpu');
        const expected = gradients(geometry);
        await tf.setBackend('wasm');
        const backend = tf.backend() as unknown as BackendWasm;
        const counts = [tf.memory().numTensors, backend.numDataIds()];
        const [input, filter] = gradients(geometry).map((values, index) => relativeDifference(values, expected[index]!));
        assert.ok(input! < 1e-5 && filter! < 1e-5, `differs by ${input} (input), ${filter} (filter)`);
        assert.deepEqual([tf.memory().numTensors, backend.numDataIds()], counts);
      }),
      { numRuns: 150 },
    );
  });

  it('does not depend on how many images are taken at a time', async () => {
    // Large enough for several groups of images, of which the last is smaller.
    await tf.setBackend('wasm');
    const one: Geometry = { batch: 1, size: [28, 28], channels: [8, 3], filter: [9, 9], strides: [1, 1], pad: 'same' };
    tf.tidy(() => {
      const filter = normal(tf, [...one.filter, ...one.channels], 1) as Image;
      const dy = normal(tf, [5, 28, 28, 3], 2) as Image;
      const together = tf.conv2dTranspose(dy, filter, [5, 28, 28, 8], 1, 'same');
      const apart = tf.concat(tf.split(dy, 5).map((image) => tf.conv2dTranspose(image as Image, filter, [1, 28, 28, 8], 1, 'same')));
      assert.deepEqual(together.dataSync(), apart.dataSync());
    });
  });

  it('refuse channels first, which wasm convolutions do not support', () => {
    const attributes = { strides: 1, pad: 'same', dataFormat: 'NCHW', filterShape: [3, 3, 2, 2] };
    const call = () =>
      tf.tidy(() => tf.engine().runKernel('Conv2DBackpropFilter', { x: tf.ones([1, 2, 4, 4]), dy: tf.ones([1, 2, 4, 4]) }, attributes));
    assert.throws(call, /channels last/);
  });

  it('keep no packed filters once their tensors are gone', () => {
    const geometry: Geometry = { batch: 8, size: [14, 14], channels: [16, 16], filter: [5, 5], strides: [2, 2], pad: 'same' };
    for (let warmUp = 0; warmUp < 3; warmUp += 1) gradients(geometry);
    const bytes = heapBytes(tf);
    for (let count = 0; count < 60; count += 1) gradients(geometry);
    assert.equal(heapBytes(tf), bytes);
  });
});
