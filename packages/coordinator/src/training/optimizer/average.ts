/**
 * An optimizer that also keeps the exponential moving average of the weights (Polyak & Juditsky 1992; for the pictures of GANs: Yazıcı et
 * al., "The unusual effectiveness of averaging in GAN training", ICLR 2019).
 *
 * Order of operations after every update, each one rounded to float32 (`f`):
 *
 *     c = f(1 - decay)
 *     at the start           average = the initial weights
 *     for each element       average = f(average + f(c * f(w - average)))
 *
 * State: that of the optimizer, and the slot `average`.
 */
import { type Optimizer, refuseState } from './optimizer.ts';

export function averaging(optimizer: Optimizer, decay: number): Optimizer {
  const { weights } = optimizer;
  const average = weights.slice();
  const share = Math.fround(1 - decay);
  const restore: Optimizer['restore'] = ({ slots, scalars }) => {
    const { average: saved, ...others } = slots;
    if (saved === undefined) return refuseState(optimizer.kind, 'it holds no average of the weights');
    if (saved.length !== average.length)
      return refuseState(optimizer.kind, `slot "average" has ${saved.length} elements, expected ${average.length}`);
    optimizer.restore({ slots: others, scalars });
    average.set(saved);
  };
  return {
    ...optimizer,
    average,
    apply(gradient, options) {
      const { start = 0, end = weights.length } = options ?? {};
      optimizer.apply(gradient, options);
      move(average.subarray(start, end), weights.subarray(start, end), share);
    },
    state() {
      const { slots, scalars } = optimizer.state();
      return { slots: { ...slots, average }, scalars };
    },
    restore,
  };
}

function move(average: Float32Array, weights: Float32Array, share: number): void {
  for (let index = 0; index < average.length; index += 1) {
    const before = average[index]!;
    average[index] = before + Math.fround(share * Math.fround(weights[index]! - before));
  }
}
