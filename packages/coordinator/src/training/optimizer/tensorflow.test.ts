/** The optimizers against TF.js's own on its reference backend `cpu`: the same gradients, 100 steps. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { OptimizerSpec } from '@lockstep/shared';
import { inputRows, streams } from '@lockstep/shared';
import * as tf from '@tensorflow/tfjs';
import { createOptimizer } from './update-rules.ts';

const length = 1000;
const steps = 100;

/** Gradients over eleven orders of magnitude, signs mixed, some zero, scale changing from step to step. */
function gradientOf(step: number): Float32Array {
  const normals = inputRows({ shape: [length], distribution: 'normal' }, 9, streams.inputs, step, 0, 1);
  return normals.map((value, index) => (index % 50 === 0 ? 0 : value * 10 ** ((index % 12) - 9) * (1 + (step % 7))));
}

const initial = (): Float32Array => inputRows({ shape: [length], distribution: 'normal' }, 9, streams.initialWeights, 0, 0, 1);

function trainWithTensorFlow(optimizer: tf.Optimizer): Float32Array {
  return tf.tidy(() => {
    const variable = tf.variable(tf.tensor1d(initial()));
    for (let step = 0; step < steps; step += 1) optimizer.applyGradients({ [variable.name]: tf.tensor1d(gradientOf(step)) });
    const result = variable.dataSync<'float32'>().slice();
    variable.dispose();
    return result;
  });
}

function train(spec: OptimizerSpec): Float32Array {
  const optimizer = createOptimizer(spec, initial());
  for (let step = 0; step < steps; step += 1) optimizer.apply(gradientOf(step));
  return optimizer.weights.slice();
}

const cases: [name: string, spec: OptimizerSpec, peer: () => tf.Optimizer][] = [
  ['adam, defaults', { kind: 'adam', learningRate: 1e-3 }, () => tf.train.adam(1e-3)],
  ['adam, 2e-4, beta1 0.5', { kind: 'adam', learningRate: 2e-4, beta1: 0.5 }, () => tf.train.adam(2e-4, 0.5)],
  [
    'adam, all given',
    { kind: 'adam', learningRate: 0.01, beta1: 0.8, beta2: 0.95, epsilon: 1e-4 },
    () => tf.train.adam(0.01, 0.8, 0.95, 1e-4),
  ],
  ['rmsprop, defaults', { kind: 'rmsprop', learningRate: 1e-3 }, () => tf.train.rmsprop(1e-3)],
  [
    'rmsprop, all given',
    { kind: 'rmsprop', learningRate: 1e-3, decay: 0.99, momentum: 0.9, epsilon: 1e-4 },
    () => tf.train.rmsprop(1e-3, 0.99, 0.9, 1e-4),
  ],
  ['sgd', { kind: 'sgd', learningRate: 0.01 }, () => tf.train.sgd(0.01)],
  ['sgd, momentum', { kind: 'sgd', learningRate: 0.01, momentum: 0.9 }, () => tf.train.momentum(0.01, 0.9)],
];

before(async () => {
  await tf.setBackend('cpu');
});

for (const [name, spec, peer] of cases) {
  test(`${name}: within 1e-6 of TF.js after ${steps} steps, and in fact the same bits`, () => {
    const ours = train(spec);
    const theirs = trainWithTensorFlow(peer());
    const start = initial();
    assert.ok(
      theirs.some((value, index) => Math.abs(value - start[index]!) > 1e-3),
      'training moved nothing',
    );
    ours.forEach((value, index) => {
      const tolerance = 1e-6 * Math.max(1, Math.abs(theirs[index]!));
      assert.ok(Math.abs(value - theirs[index]!) <= tolerance, `element ${index}: ${value}, TF.js ${theirs[index]}`);
    });
    assert.deepEqual(new Uint32Array(ours.buffer), new Uint32Array(theirs.buffer));
  });
}
