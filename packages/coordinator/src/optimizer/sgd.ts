/**
 * Plain gradient descent, with classical momentum when asked for, as TF.js 4.22 has both (`tf.train.sgd`, `tf.train.momentum`).
 *
 * Order of operations, each one rounded to float32 (`f`); TF.js's `cpu` backend computes in the same order and gives the same bits.
 *
 *     lr = f(learningRate)  mu = f(momentum)
 *     without momentum       w = f(f(-lr * g) + w)
 *     with momentum          velocity = f(f(mu * velocity) + g);  w = f(f(-lr * velocity) + w)
 *
 * State: slot `velocity` with momentum, nothing without; no scalars.
 */
import type { SgdSpec } from '@lockstep/shared';
import { optimizerFrom } from './optimizer.ts';
import type { Optimizer } from './optimizer.ts';

/** `spec` is taken to be valid (`createOptimizer` checks it); `spec.clipNorm` is the caller's business. */
export function createSgd(spec: SgdSpec, length: number): Optimizer {
  const negativeRate = -Math.fround(spec.learningRate);
  const momentum = Math.fround(spec.momentum ?? 0);
  if (momentum === 0) {
    return optimizerFrom('sgd', length, { slots: {}, scalars: {} }, (weights, gradient) => descend(weights, gradient, negativeRate));
  }
  const velocity = new Float32Array(length);
  return optimizerFrom('sgd', length, { slots: { velocity }, scalars: {} }, (weights, gradient) => {
    accumulate(velocity, gradient, momentum);
    descend(weights, velocity, negativeRate);
  });
}

function accumulate(velocity: Float32Array, gradient: Float32Array, momentum: number): void {
  for (let index = 0; index < velocity.length; index += 1) velocity[index] = Math.fround(momentum * velocity[index]!) + gradient[index]!;
}

function descend(weights: Float32Array, direction: Float32Array, negativeRate: number): void {
  for (let index = 0; index < weights.length; index += 1) weights[index] = Math.fround(negativeRate * direction[index]!) + weights[index]!;
}
