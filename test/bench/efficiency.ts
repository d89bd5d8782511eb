/**
 * Scaling efficiency, from rates or times that were measured.
 *
 * Weak: the work grows with the workers; perfect is N times the rate of one. Strong: the work stays; perfect is one N-th of the time, which
 * for a rate is the same formula. On fewer cores than workers the best possible is cores / N, so the share of that is given as well.
 */

/** rate(N) / (N * rate(1)) */
export function efficiency(rate: number, rateOfOne: number, workers: number): number {
  return rate / (workers * rateOfOne);
}

/** The same against what this machine's cores allow: rate(N) / (min(N, cores) * rate(1)) */
export function efficiencyOnCores(rate: number, rateOfOne: number, workers: number, cores: number): number {
  return rate / (Math.min(workers, cores) * rateOfOne);
}
