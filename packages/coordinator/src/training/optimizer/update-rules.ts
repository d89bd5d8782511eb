/**
 * The arithmetic of every optimizer, by kind. Settings are assumed to be valid: a recipe is checked when it is loaded, by
 * `shared/src/recipe/optimizers.ts`. The caller takes care of `clipNorm` (`gradient.ts`), since it reports the norm before clipping.
 */
import { createResidentFlats, type OptimizerKind, type OptimizerSpec } from '@lockstep/shared';
import { averaging } from './average.ts';
import { type Optimizer, optimizerFrom } from './optimizer.ts';

type SpecOf<Kind extends OptimizerKind> = Extract<OptimizerSpec, { kind: Kind }>;

const updateRules: { readonly [Kind in OptimizerKind]: (spec: SpecOf<Kind>, initial: Float32Array) => Optimizer } = { adam, sgd };

/**
 * An optimizer at its start, with a copy of these weights. `learningRateOverride` (`--learning-rate`) replaces the recipe's.
 * Throws as `createResidentFlats` does for a network that does not fit into memory.
 */
export function createOptimizer(spec: OptimizerSpec, initial: Float32Array, learningRateOverride?: number): Optimizer {
  const resolved = learningRateOverride === undefined ? spec : { ...spec, learningRate: learningRateOverride };
  // The rule of a kind takes a spec of that kind, which TypeScript cannot know here.
  const rule = updateRules[resolved.kind] as (spec: OptimizerSpec, initial: Float32Array) => Optimizer;
  const optimizer = rule(resolved, initial);
  return resolved.average === undefined ? optimizer : averaging(optimizer, resolved.average.decay);
}

const f = Math.fround;

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
function adam({ learningRate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 }: SpecOf<'adam'>, initial: Float32Array): Optimizer {
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
function sgd({ learningRate, momentum = 0 }: SpecOf<'sgd'>, initial: Float32Array): Optimizer {
  const negativeRate = -f(learningRate);
  const mu = f(momentum);
  return mu === 0 ? plainSgd(initial, negativeRate) : sgdWithMomentum(initial, negativeRate, mu);
}

function plainSgd(initial: Float32Array, negativeRate: number): Optimizer {
  const resident = createResidentFlats(initial.length, ['weights']);
  const { weights } = resident.flats;
  const at = resident.addresses;
  weights.set(initial);
  return optimizerFrom('sgd', weights, { slots: {}, scalars: {} }, (gradient, scale) =>
    resident.update(gradient, (kernels, offset, g, count) => kernels.descend(at.weights + offset, g, count, scale, negativeRate)),
  );
}

function sgdWithMomentum(initial: Float32Array, negativeRate: number, momentum: number): Optimizer {
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
