import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Tensor, Tf } from '@lockstep/shared';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import fc from 'fast-check';
import { heapBytes, normal, relativeDifference } from '../testing/evaluate.ts';
import { loadWasm } from '../wasm.ts';
import { batchPlan } from './batch-plan.ts';

let tf: Tf;
before(async () => {
  ({ tf } = await loadWasm());
});

const backend = () => tf.backend() as unknown as BackendWasm;

/** op(A) op(B) in float64, from the definition. */
function reference(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Float32Array {
  const plan = batchPlan(a.shape, b.shape, transposeA, transposeB)!;
  const [rows, columns] = plan.outputShape.slice(-2) as [number, number];
  const [valuesA, valuesB] = [a.dataSync(), b.dataSync()];
  const [rowsA, columnsA] = plan.matrixA;
  const [rowsB, columnsB] = plan.matrixB;
  const stacked = plan.pairs.length === 1;
  const height = stacked ? (transposeA ? columnsA : rowsA) : rows;
  const shared = transposeA ? rowsA : columnsA;
  const result = plan.pairs.flatMap(([indexA, indexB]) => {
    const atA = (row: number, k: number) => valuesA[indexA * rowsA * columnsA + (transposeA ? k * columnsA + row : row * columnsA + k)]!;
    const atB = (k: number, column: number) =>
      valuesB[indexB * rowsB * columnsB + (transposeB ? column * columnsB + k : k * columnsB + column)]!;
    return Array.from({ length: height * columns }, (_, element) => {
      const [row, column] = [Math.floor(element / columns), element % columns];
      let sum = 0;
      for (let k = 0; k < shared; k += 1) sum += atA(row, k) * atB(k, column);
      return sum;
    });
  });
  return Float32Array.from(result);
}

function check(shapeA: number[], shapeB: number[], transposeA: boolean, transposeB: boolean): void {
  const counts = [tf.memory().numTensors, backend().numDataIds()];
  tf.tidy(() => {
    const [a, b] = [normal(tf, shapeA, 0), normal(tf, shapeB, 1)];
    const product = tf.matMul(a, b, transposeA, transposeB);
    assert.deepEqual(product.shape, batchPlan(shapeA, shapeB, transposeA, transposeB)?.outputShape);
    const difference = relativeDifference(product.dataSync() as Float32Array, reference(a, b, transposeA, transposeB));
    assert.ok(difference < 1e-5, `[${shapeA.join()}] x [${shapeB.join()}]: differs by ${difference}`);
  });
  assert.deepEqual([tf.memory().numTensors, backend().numDataIds()], counts);
}

describe('BatchMatMul on wasm', () => {
  it('computes products of any shape, transposed or not, and leaves nothing behind', () => {
    const length = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 70 }));
    const flag = fc.boolean();
    fc.assert(
      fc.property(length, length, length, flag, flag, (rows, shared, columns, transposeA, transposeB) => {
        check(transposeA ? [shared, rows] : [rows, shared], transposeB ? [columns, shared] : [shared, columns], transposeA, transposeB);
      }),
      { numRuns: 200 },
    );
  });

  it('broadcasts batch axes', () => {
    for (const [batchA, batchB] of [
      [[3], [3]],
      [[3], [1]],
      [[1], [3]],
      [
        [2, 1],
        [1, 3],
      ],
      [
        [2, 3],
        [2, 3],
      ],
    ] as const) {
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          check([...batchA, ...(transposeA ? [6, 5] : [5, 6])], [...batchB, ...(transposeB ? [7, 6] : [6, 7])], transposeA, transposeB);
        }
      }
    }
  });

  it('does not mistake a reshaped tensor for the one it packed before', () => {
    // TF.js 4.22 writes past the end of the second result, and aborts.
    tf.tidy(() => {
      const weights = tf.tensor2d([1, 2, 3, 4], [1, 4]);
      assert.deepEqual([...tf.matMul(tf.ones([2, 1]), weights).dataSync()], [1, 2, 3, 4, 1, 2, 3, 4]);
      assert.deepEqual([...tf.matMul(tf.ones([2, 4]), weights.reshape([4, 1])).dataSync()], [10, 10]);
      assert.deepEqual([...tf.matMul(tf.ones([2, 4]), weights, false, true).dataSync()], [10, 10]);
      assert.deepEqual([...tf.matMul(tf.ones([1, 2]), weights.reshape([2, 2])).dataSync()], [4, 6]);
      assert.deepEqual([...tf.matMul(tf.ones([2, 1]), weights).dataSync()], [1, 2, 3, 4, 1, 2, 3, 4]);
    });
  });

  it('leaves other types and mismatched shapes to TF.js', () => {
    tf.tidy(() => {
      const whole = tf.ones([2, 2], 'int32');
      assert.throws(
        () => tf.engine().runKernel('BatchMatMul', { a: whole, b: whole }, { transposeA: false, transposeB: true }),
        /not yet supported/,
      );
      assert.throws(() => tf.matMul(tf.ones([2, 3]), tf.ones([2, 3])), /inner shapes/);
    });
  });

  it('keeps no packed weights once their tensors are gone', () => {
    const step = () =>
      tf.tidy(() => {
        const [x, weights] = [normal(tf, [32, 200], 0), normal(tf, [200, 100], 1)];
        tf.grads((a, b) => tf.sum(tf.matMul(a, b)))([x, weights]);
      });
    for (let warmUp = 0; warmUp < 5; warmUp += 1) step();
    const bytes = heapBytes(tf);
    // 80 kB of weights, transposed and packed each time: 300 steps would need 48 MB, three times the heap.
    for (let count = 0; count < 300; count += 1) step();
    assert.equal(heapBytes(tf), bytes);
  });
});
