import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Tf } from '@lockstep/shared';
import type { Rank } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { normal, relativeDifference } from '../testing/evaluate.ts';
import { loadWasm } from '../wasm.ts';

let tf: Tf;
before(async () => {
  ({ tf } = await loadWasm());
});

/** Longer than the 48 at which TF.js's own kernel adds the bias again. */
const shared = 100;
const activations = ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu', 'prelu'] as const;
const apart = {
  linear: (x) => x,
  relu: (x) => tf.relu(x),
  relu6: (x) => tf.relu6(x),
  elu: (x) => tf.elu(x),
  sigmoid: (x) => tf.sigmoid(x),
  leakyrelu: (x) => tf.leakyRelu(x, 0.3),
  prelu: (x) => tf.prelu(x, normal(tf, [7], 3)),
} satisfies Record<(typeof activations)[number], (x: ReturnType<typeof normal>) => ReturnType<typeof normal>>;

describe('_FusedMatMul on wasm', () => {
  for (const activation of activations) {
    it(`gives what product, bias and ${activation} give one by one, and leaves nothing behind`, () => {
      const backend = tf.backend() as unknown as BackendWasm;
      const counts = [tf.memory().numTensors, backend.numDataIds()];
      for (const [transposeA, transposeB, batch] of [
        [false, false, 1],
        [true, false, 1],
        [false, true, 1],
        [true, true, 1],
        [false, false, 3],
      ] as const) {
        tf.tidy(() => {
          const a = normal(tf, [batch, ...(transposeA ? [shared, 5] : [5, shared])], 0);
          const b = normal(tf, [batch, ...(transposeB ? [7, shared] : [shared, 7])], 1);
          const bias = normal(tf, [7], 2);
          const alphas = activation === 'prelu' ? { preluActivationWeights: normal(tf, [7], 3) } : {};
          const fused = tf.fused.matMul({ a, b, transposeA, transposeB, bias, activation, leakyreluAlpha: 0.3, ...alphas });
          const expected = apart[activation](tf.add(tf.matMul(a, b, transposeA, transposeB), bias));
          assert.deepEqual(fused.shape, [batch, 5, 7]);
          const difference = relativeDifference(fused.dataSync() as Float32Array, expected.dataSync() as Float32Array);
          assert.ok(difference < 1e-6, `${transposeA} ${transposeB} ${batch}: differs by ${difference}`);
        });
      }
      assert.deepEqual([tf.memory().numTensors, backend.numDataIds()], counts);
    });
  }

  it('works without a bias and with one number for all columns', () => {
    tf.tidy(() => {
      const [a, b] = [tf.ones<Rank.R2>([2, shared]), tf.ones<Rank.R2>([shared, 2])];
      assert.deepEqual([...tf.fused.matMul({ a, b, activation: 'relu' }).dataSync()], [100, 100, 100, 100]);
      assert.deepEqual([...tf.fused.matMul({ a, b, bias: tf.tensor1d([1]) }).dataSync()], [101, 101, 101, 101]);
    });
  });

  it('does not mistake a reshaped tensor for the one it packed before', () => {
    tf.tidy(() => {
      const weights = tf.tensor2d([1, 2, 3, 4], [1, 4]);
      const bias = tf.zeros([4]);
      assert.deepEqual([...tf.fused.matMul({ a: tf.ones([2, 1]), b: weights, bias }).dataSync()], [1, 2, 3, 4, 1, 2, 3, 4]);
      assert.deepEqual([...tf.fused.matMul({ a: tf.ones([2, 4]), b: weights.reshape([4, 1]) }).dataSync()], [10, 10]);
      assert.deepEqual([...tf.fused.matMul({ a: tf.ones([2, 1]), b: weights, bias }).dataSync()], [1, 2, 3, 4, 1, 2, 3, 4]);
    });
  });

  it('leaves activations it does not know to TF.js', () => {
    const call = () =>
      tf.tidy(() => tf.engine().runKernel('_FusedMatMul', { a: tf.ones([1, 2, 2]), b: tf.ones([1, 2, 2]) }, { activation: 'tanh' }));
    assert.throws(call, /tanh activation not yet supported/);
  });
});
