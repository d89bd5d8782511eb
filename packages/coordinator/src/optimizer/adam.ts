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
 *     for each element       m = f(f(m * b1) + f(g * c1))
 *                            v = f(f(v * b2) + f(f(g * g) * c2))
 *                            w = f(f(f(f(m / r1) / f(f(sqrt(f(v / r2))) + e)) * -lr) + w)
 *     once an update         accBeta1 = f(accBeta1 * b1), accBeta2 = f(accBeta2 * b2)
 *
 * State: slots `m`, `v`; scalars `accBeta1`, `accBeta2`.
 */
import type { AdamSpec } from '@lockstep/shared';
import { optimizerFrom } from './optimizer.ts';
import type { Optimizer } from './optimizer.ts';

export const adamDefaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7 } as const;

/** `spec` is taken to be valid (`createOptimizer` checks it); `spec.clipNorm` is the caller's business. */
export function createAdam(spec: AdamSpec, length: number): Optimizer {
  const { beta1, beta2, epsilon, learningRate } = { ...adamDefaults, ...spec };
  const f = Math.fround;
  const constants = { lr: f(learningRate), b1: f(beta1), b2: f(beta2), c1: f(1 - beta1), c2: f(1 - beta2), e: f(epsilon) };
  const m = new Float32Array(length);
  const v = new Float32Array(length);
  const state = { slots: { m, v }, scalars: { accBeta1: constants.b1, accBeta2: constants.b2 } };
  return optimizerFrom('adam', length, state, (weights, gradient) => {
    const { scalars } = state;
    updateElements(weights, gradient, m, v, constants, f(1 - scalars.accBeta1), f(1 - scalars.accBeta2));
    scalars.accBeta1 = f(scalars.accBeta1 * constants.b1);
    scalars.accBeta2 = f(scalars.accBeta2 * constants.b2);
  });
}

interface Constants {
  readonly lr: number;
  readonly b1: number;
  readonly b2: number;
  readonly c1: number;
  readonly c2: number;
  readonly e: number;
}

/** The loop over elements, alone in a function of typed arrays and numbers so that it compiles to straight machine code. */
function updateElements(
  weights: Float32Array,
  gradient: Float32Array,
  m: Float32Array,
  v: Float32Array,
  { lr, b1, b2, c1, c2, e }: Constants,
  r1: number,
  r2: number,
): void {
  const f = Math.fround;
  const negativeRate = -lr;
  for (let index = 0; index < weights.length; index += 1) {
    const g = gradient[index]!;
    const newM = f(f(m[index]! * b1) + f(g * c1));
    const newV = f(f(v[index]! * b2) + f(f(g * g) * c2));
    m[index] = newM;
    v[index] = newV;
    const direction = f(f(newM / r1) / f(f(Math.sqrt(f(newV / r2))) + e));
    weights[index] = f(direction * negativeRate) + weights[index]!;
  }
}
