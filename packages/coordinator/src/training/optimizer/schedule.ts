/**
 * What a learning rate is multiplied by, as a function of the completed steps: the same in every life of a run.
 *
 * Arithmetic is float64 in the order written here. The cosine is computed here too, since ECMAScript leaves the bits of `Math.cos` to the
 * engine (see `shared/src/rng.ts`).
 */
import type { Schedule } from '@lockstep/shared';

/** In [0, 1]. `step`: completed steps, so 0 in the rounds of the first. */
export function scheduleFactor(schedule: Schedule, step: number): number {
  const { warmupSteps = 0 } = schedule;
  if (step < warmupSteps) return (step + 1) / warmupSteps;
  switch (schedule.kind) {
    case 'constant':
      return 1;
    case 'linear': {
      const { steps, to = 0 } = schedule;
      return to + (1 - to) * (1 - progress(step, warmupSteps, steps));
    }
    case 'cosine': {
      const { steps, to = 0 } = schedule;
      return to + (1 - to) * ((1 + cosineOfPi(progress(step, warmupSteps, steps))) / 2);
    }
    case 'step':
      return power(schedule.factor, Math.floor((step - warmupSteps) / schedule.every));
  }
}

/** 0 at the end of the warm-up, 1 from step `end` on. */
function progress(step: number, start: number, end: number): number {
  return Math.min(1, (step - start) / (end - start));
}

/** cos(pi * share) for a share in [0, 1], within 1e-15: Taylor's series up to x^18 in Horner's form, for arguments up to pi / 4. */
function cosineOfPi(share: number): number {
  if (share > 0.5) return -cosineOfPi(1 - share);
  if (share > 0.25) {
    const x = Math.PI * (0.5 - share);
    return x * series(x * x, 17);
  }
  const x = Math.PI * share;
  return series(x * x, 18);
}

/** 1 - z/(n(n-1)) (... (1 - z/(k(k-1)))), from k = `last` down by two: of sine / x where that is odd, of cosine where it is even. */
function series(z: number, last: number): number {
  let sum = 1;
  for (let k = last; k > 1; k -= 2) sum = 1 - (sum * z) / (k * (k - 1));
  return sum;
}

/** By repeated squaring, from the lowest bit of the exponent: as `Math.pow` may not, it has the same bits everywhere. */
function power(base: number, exponent: number): number {
  let result = 1;
  let square = base;
  for (let left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}
