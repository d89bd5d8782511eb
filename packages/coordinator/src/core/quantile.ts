/** Of few values; the lower of two: of two workers, the faster one says what is usual. */

export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)]!;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
