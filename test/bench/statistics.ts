/** Summaries of repeated measurements: the median and the range. */

export interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
  /** In the order they were measured. */
  readonly samples: readonly number[];
}

/** Throws for no samples. */
export function spreadOf(samples: readonly number[]): Spread {
  const sorted = samples.toSorted((left, right) => left - right);
  const lowest = sorted[0];
  const highest = sorted.at(-1);
  if (lowest === undefined || highest === undefined) throw new Error('nothing was measured');
  return { median: medianOfSorted(sorted), lowest, highest, samples };
}

export function median(samples: readonly number[]): number {
  return spreadOf(samples).median;
}

function medianOfSorted(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export interface Interval {
  readonly median: number;
  /** Undefined where there are too few samples for any. */
  readonly low: number | undefined;
  readonly high: number | undefined;
}

/**
 * The narrowest interval between two of the ordered samples that holds the true median with 95 % or more, whatever the distribution: of n
 * samples, as many are below the median as heads come up in n throws of a coin. Conover, Practical Nonparametric Statistics, 3.2.
 */
export function medianInterval(samples: readonly number[]): Interval {
  const sorted = samples.toSorted((left, right) => left - right);
  const count = sorted.length;
  let cut = 0;
  let chance = 0.5 ** count;
  // Of so many heads or fewer; so many tails or fewer is as likely.
  for (let tail = chance; 2 * tail <= 0.05; tail += chance) {
    cut += 1;
    chance *= (count - cut + 1) / cut;
  }
  const known = cut > 0;
  return { median: median(samples), low: known ? sorted[cut - 1] : undefined, high: known ? sorted[count - cut] : undefined };
}

/** `6,614` */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `6,614 (6,420-6,700)`; `digits` after the point. */
export function withRange({ median: middle, lowest, highest }: Spread, digits = 0): string {
  const text = (value: number): string => (digits === 0 ? whole(value) : value.toFixed(digits));
  return `${text(middle)} (${text(lowest)}-${text(highest)})`;
}

/** `87 %` */
export function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(0)} %`;
}
