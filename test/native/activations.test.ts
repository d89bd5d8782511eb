/** Native gradients of activations, where TF.js's plain backend cannot be the reference: it differentiates leaky ReLU only once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor } from '@lockstep/shared';
import { loadNative } from './tensorflow.ts';

test('leaky ReLU is differentiated twice, as gradient penalties need', async (t) => {
  const tf = await loadNative(t);
  if (!tf) return;
  const slope = 0.25;
  tf.tidy(() => {
    const gradient = tf.grad((x: Tensor) => tf.square(tf.leakyRelu(x, slope)));
    const second = tf.grad((x: Tensor) => gradient(x))(tf.tensor1d([-2, 3]));
    // The square of slope * x has the second derivative 2 * slope^2.
    assert.deepEqual([...second.dataSync()], [2 * slope ** 2, 2]);
  });
});
