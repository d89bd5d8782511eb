/**
 * Child of `check.mjs`: loads tfjs-node with the addon given and trains one step whose result is known exactly.
 * Arguments: PACKAGE ADDON. Prints one line of JSON: { tensorflow, gpu }.
 *
 * Goes through the worker's own `redirectAddon`, so that what is checked is what workers will do.
 */
import { createRequire } from 'node:module';
import util from 'node:util';
import { redirectAddon } from '../dist/backends/native-addon.js';

const [packageName, addonPath] = process.argv.slice(2);
// tfjs-node 4.22 calls a function that Node 23 removed.
util.isNullOrUndefined ??= (value) => value === null || value === undefined;
redirectAddon(packageName, addonPath);
const require = createRequire(import.meta.url);
const tf = require(packageName);

const weight = tf.variable(tf.tensor2d([1, 2], [2, 1]));
const bias = tf.variable(tf.scalar(0.5));
const input = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
// Predictions 5.5, 11.5, 17.5; the loss is their mean, its gradients are the means of the input's columns, and 1.
const optimizer = tf.train.sgd(0.5);
const loss = optimizer.minimize(() => tf.mean(tf.add(tf.matMul(input, weight), bias)), true, [weight, bias]);
const values = [loss, weight, bias].map((tensor) => [...tensor.dataSync()]).flat();
const expected = [11.5, 1 - 0.5 * 3, 2 - 0.5 * 4, 0];
if (values.length !== expected.length || values.some((value, index) => value !== expected[index])) {
  throw new Error(`one training step gave ${values.join(', ')} instead of ${expected.join(', ')}`);
}
const { binding, isUsingGpuDevice } = tf.backend();
process.stdout.write(`${JSON.stringify({ tensorflow: binding.TF_Version, gpu: isUsingGpuDevice })}\n`);
