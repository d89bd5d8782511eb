/**
 * Adam (Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1) as TF.js 4.22 has it: epsilon outside the
 * square root, beta^t by repeated multiplication, defaults beta1 0.9, beta2 0.999, epsilon 1e-7.
 *
 * Order of operations, each one rounded to float32 (`f` below); constants are rounded once, the differences after a float64 subtraction.
 * TF.js's `cpu` backend computes in the same order and gives the same bits.
 *
 *     lr = f(learningRate)  b1 = f(beta1)  b2 = f(beta2)  c1 = f(1 - beta1)  c2 = f(1 - beta2)  e = f(epsilon)
 *     at the start           accBeta1 = b1, accBeta2 = b2, m = v = 0
 *     once an update         r1 = f(1 - accBeta1), r2 = f(1 - accBeta2)
 *     for each element       g = f(g * scale), which is g with scale 1
 *                            m = f(f(m * b1) + f(g * c1))
 *                            v = f(f(v * b2) + f(f(g * g) * c2))
 *                            w = f(f(f(f(m / r1) / f(f(sqrt(f(v / r2))) + e)) * -lr) + w)
 *     once an update         accBeta1 = f(accBeta1 * b1), accBeta2 = f(accBeta2 * b2)
 *
 * State: slots `m`, `v`; scalars `accBeta1`, `accBeta2`.
 */
import { type AdamSpec, createResidentFlats } from '@lockstep/shared';
import { optimizerFrom } from './optimizer.ts';
import type { Optimizer } from './optimizer.ts';

export const adamDefaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7 } as const;

/** `spec` is taken to be valid (`createOptimizer` checks it); `spec.clipNorm` is the caller's business. */
export function createAdam(spec: AdamSpec, initial: Float32Array): Optimizer {
  const { beta1, beta2, epsilon, learningRate } = { ...adamDefaults, ...spec };
  const f = Math.fround;
  const [b1, b2, c1, c2, e] = [f(beta1), f(beta2), f(1 - beta1), f(1 - beta2), f(epsilon)];
  const negativeRate = -f(learningRate);
  const resident = createResidentFlats(initial.length, ['weights', 'm', 'v']);
  const { weights, m, v } = resident.flats;
  const at = resident.addresses;
  weights.set(initial);
  const state = { slots: { m, v }, scalars: { accBeta1: b1, accBeta2: b2 } };
  return optimizerFrom('adam', weights, state, (gradient, scale) => {
    const { scalars } = state;
    const r1 = f(1 - scalars.accBeta1);
    const r2 = f(1 - scalars.accBeta2);
    resident.update(gradient, (kernels, offset, g, count) =>
      kernels.adam(at.weights + offset, g, at.m + offset, at.v + offset, count, scale, b1, b2, c1, c2, r1, r2, e, negativeRate),
    );
    scalars.accBeta1 = f(scalars.accBeta1 * b1);
    scalars.accBeta2 = f(scalars.accBeta2 * b2);
  });
}
