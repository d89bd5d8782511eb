/**
 * Plain gradient descent, with classical momentum when asked for, as TF.js 4.22 has both (`tf.train.sgd`, `tf.train.momentum`).
 *
 * Order of operations, each one rounded to float32 (`f`); TF.js's `cpu` backend computes in the same order and gives the same bits.
 *
 *     lr = f(learningRate)  mu = f(momentum)
 *     for each element       g = f(g * scale), which is g with scale 1
 *     without momentum       w = f(f(-lr * g) + w)
 *     with momentum          velocity = f(f(mu * velocity) + g);  w = f(f(-lr * velocity) + w)
 *
 * State: slot `velocity` with momentum, nothing without; no scalars.
 */
import { createResidentFlats, type SgdSpec } from '@lockstep/shared';
import { optimizerFrom } from './optimizer.ts';
import type { Optimizer } from './optimizer.ts';

/** `spec` is taken to be valid (`createOptimizer` checks it); `spec.clipNorm` is the caller's business. */
export function createSgd(spec: SgdSpec, initial: Float32Array): Optimizer {
  const negativeRate = -Math.fround(spec.learningRate);
  const momentum = Math.fround(spec.momentum ?? 0);
  return momentum === 0 ? plain(initial, negativeRate) : withMomentum(initial, negativeRate, momentum);
}

function plain(initial: Float32Array, negativeRate: number): Optimizer {
  const resident = createResidentFlats(initial.length, ['weights']);
  const { weights } = resident.flats;
  const at = resident.addresses;
  weights.set(initial);
  return optimizerFrom('sgd', weights, { slots: {}, scalars: {} }, (gradient, scale) =>
    resident.update(gradient, (kernels, offset, g, count) => kernels.descend(at.weights + offset, g, count, scale, negativeRate)),
  );
}

function withMomentum(initial: Float32Array, negativeRate: number, momentum: number): Optimizer {
  const resident = createResidentFlats(initial.length, ['weights', 'velocity']);
  const { weights, velocity } = resident.flats;
  const at = resident.addresses;
  weights.set(initial);
  return optimizerFrom('sgd', weights, { slots: { velocity }, scalars: {} }, (gradient, scale) =>
    resident.update(gradient, (kernels, offset, g, count) =>
      kernels.descendWithMomentum(at.weights + offset, g, at.velocity + offset, count, scale, momentum, negativeRate),
    ),
  );
}
