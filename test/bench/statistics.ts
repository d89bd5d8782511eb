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
