/**
 * The arithmetic of every optimizer, by kind. Settings are assumed to be valid: a recipe is checked when it is loaded, by
 * `shared/src/recipe/optimizers.ts`. The caller takes care of `clipNorm` (`gradient.ts`), since it reports the norm before clipping.
 */
import { createResidentFlats, type OptimizerKind, type OptimizerSpec, type ResidentUpdate as Update } from '@lockstep/shared';
import { averaging } from './average.ts';
import { type Optimizer, optimizerFrom } from './optimizer.ts';

type SpecOf<Kind extends OptimizerKind> = Extract<OptimizerSpec, { kind: Kind }>;

const updateRules: { readonly [Kind in OptimizerKind]: (spec: SpecOf<Kind>, initial: Float32Array) => Optimizer } = {
  adam,
  adamw,
  rmsprop,
  sgd,
};

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
 *     b1 = f(beta1)  b2 = f(beta2)  c1 = f(1 - beta1)  c2 = f(1 - beta2)  e = f(epsilon)
 *     at the start           accBeta1 = b1, accBeta2 = b2, m = v = 0
 *     once an update         lr = f(rate), r1 = f(1 - accBeta1), r2 = f(1 - accBeta2)
 *     for each element       g = f(g * scale), which is g with scale 1
 *                            m = f(f(m * b1) + f(g * c1))
 *                            v = f(f(v * b2) + f(f(g * g) * c2))
 *                            w = f(f(f(f(m / r1) / f(f(sqrt(f(v / r2))) + e)) * -lr) + f(w * keep))
 *     once an update         accBeta1 = f(accBeta1 * b1), accBeta2 = f(accBeta2 * b2)
 *
 * `keep` is 1, which changes no bit. State: slots `m`, `v`; scalars `accBeta1`, `accBeta2`.
 */
function adam(spec: SpecOf<'adam'>, initial: Float32Array): Optimizer {
  return adamWith(spec, initial, () => 1);
}

/**
 * AdamW (Loshchilov & Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2): Adam, with every weight multiplied by
 * keep = f(1 - rate * weightDecay) as well. `rate` includes the schedule, as in PyTorch and Keras, so that decay stops where learning does.
 */
function adamw({ weightDecay = 0.01, ...spec }: SpecOf<'adamw'>, initial: Float32Array): Optimizer {
  return adamWith(spec, initial, (rate) => f(1 - rate * weightDecay));
}

function adamWith(
  spec: Omit<SpecOf<'adam'> | SpecOf<'adamw'>, 'weightDecay'>,
  initial: Float32Array,
  keepAt: (rate: number) => number,
): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7, clipValue } = spec;
  const [b1, b2, c1, c2, e] = [f(beta1), f(beta2), f(1 - beta1), f(1 - beta2), f(epsilon)];
  const resident = createResidentFlats(initial.length, ['weights', 'm', 'v']);
  const { weights, m, v } = resident.flats;
  const at = resident.addresses;
  weights.set(initial);
  const state = { slots: { m, v }, scalars: { accBeta1: b1, accBeta2: b2 } };
  return optimizerFrom(spec, weights, state, (gradient, scale, rate, range) => {
    const { scalars } = state;
    const r1 = f(1 - scalars.accBeta1);
    const r2 = f(1 - scalars.accBeta2);
    const [negativeRate, keep] = [-f(rate), keepAt(rate)];
    const update: Update = (kernels, offset, g, count) =>
      kernels.adam(at.weights + offset, g, at.m + offset, at.v + offset, count, scale, b1, b2, c1, c2, r1, r2, e, negativeRate, keep);
    resident.update(gradient, update, clipValue, range);
    if (range.end < weights.length) return;
    scalars.accBeta1 = f(scalars.accBeta1 * b1);
    scalars.accBeta2 = f(scalars.accBeta2 * b2);
  });
}

/**
 * RMSProp (Tieleman & Hinton, "Neural networks for machine learning", lecture 6.5, 2012) as TF.js 4.22 has it: epsilon inside the square
 * root, the rate inside the velocity, defaults decay 0.9, momentum 0, epsilon 1e-7.
 *
 * Order of operations, each one rounded to float32 (`f`); TF.js's `cpu` backend computes in the same order and gives the same bits.
 *
 *     d = f(decay)  c = f(1 - decay)  e = f(epsilon)  mu = f(momentum)
 *     once an update         lr = f(rate)
 *     for each element       g = f(g * scale), which is g with scale 1
 *                            v = f(f(v * d) + f(f(g * g) * c))
 *                            change = f(f(g * lr) / f(sqrt(f(v + e))))
 *     without momentum       w = f(w - change)
 *     with momentum          velocity = f(f(velocity * mu) + change);  w = f(w - velocity)
 *
 * State: slot `v`, and `velocity` with momentum; no scalars.
 */
function rmsprop(spec: SpecOf<'rmsprop'>, initial: Float32Array): Optimizer {
  const { decay = 0.9, momentum = 0, epsilon = 1e-7, clipValue } = spec;
  const [d, c, e, mu] = [f(decay), f(1 - decay), f(epsilon), f(momentum)];
  const resident = createResidentFlats(initial.length, mu === 0 ? ['weights', 'v'] : ['weights', 'v', 'velocity']);
  const { weights, ...slots } = resident.flats;
  const at = resident.addresses;
  weights.set(initial);
  return optimizerFrom(spec, weights, { slots, scalars: {} }, (gradient, scale, rate, range) => {
    const lr = f(rate);
    const plain: Update = (kernels, offset, g, count) => kernels.rmsprop(at.weights + offset, g, at.v + offset, count, scale, d, c, e, lr);
    const withMomentum: Update = (kernels, offset, g, count) =>
      kernels.rmspropWithMomentum(at.weights + offset, g, at.v + offset, at.velocity + offset, count, scale, d, c, e, mu, lr);
    resident.update(gradient, mu === 0 ? plain : withMomentum, clipValue, range);
  });
}

/**
 * Plain gradient descent, with classical momentum when asked for, as TF.js 4.22 has both (`tf.train.sgd`, `tf.train.momentum`).
 *
 * Order of operations, each one rounded to float32 (`f`); TF.js's `cpu` backend computes in the same order and gives the same bits.
 *
 *     mu = f(momentum)
 *     once an update         lr = f(rate)
 *     for each element       g = f(g * scale), which is g with scale 1
 *     without momentum       w = f(f(-lr * g) + w)
 *     with momentum          velocity = f(f(mu * velocity) + g);  w = f(f(-lr * velocity) + w)
 *
 * State: slot `velocity` with momentum, nothing without; no scalars.
 */
function sgd(spec: SpecOf<'sgd'>, initial: Float32Array): Optimizer {
  const { momentum = 0, clipValue } = spec;
  const mu = f(momentum);
  const resident = createResidentFlats(initial.length, mu === 0 ? ['weights'] : ['weights', 'velocity']);
  const { weights, ...slots } = resident.flats;
  const at = resident.addresses;
  weights.set(initial);
  return optimizerFrom(spec, weights, { slots, scalars: {} }, (gradient, scale, rate, range) => {
    const negativeRate = -f(rate);
    const plain: Update = (kernels, offset, g, count) => kernels.descend(at.weights + offset, g, count, scale, negativeRate);
    const withMomentum: Update = (kernels, offset, g, count) =>
      kernels.descendWithMomentum(at.weights + offset, g, at.velocity + offset, count, scale, mu, negativeRate);
    resident.update(gradient, mu === 0 ? plain : withMomentum, clipValue, range);
  });
}
