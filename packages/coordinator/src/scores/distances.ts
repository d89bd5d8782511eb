/**
 * Rows of numbers, and how far they lie apart: what most scores of samples are made of.
 *
 * All arithmetic is in float64 and in the order of the indices, so a score has one value on every machine.
 */
import { setImmediate } from 'node:timers/promises';

/** `count` rows of `width` numbers, one after the other. */
export interface Rows {
  readonly values: Float32Array;
  readonly count: number;
  readonly width: number;
}

export function rowsOf(values: Float32Array, width: number): Rows {
  return { values, count: values.length / width, width };
}

/** Rows that are compared at a time: so many stay in the processor's cache. */
const blockRows = 16;

/**
 * Calls `visit(index, distances)` for every row of `from`, in order, with its squared Euclidean distances to all rows of `to`. `distances` is
 * reused: `visit` must not keep it. Ten thousand rows and as many of 784 numbers take minutes, so others get their turn between blocks.
 */
export async function eachSquaredDistances(from: Rows, to: Rows, visit: (index: number, distances: Float64Array) => void): Promise<void> {
  const distances = Array.from({ length: Math.min(blockRows, from.count) }, () => new Float64Array(to.count));
  for (let first = 0; first < from.count; first += blockRows) {
    await setImmediate();
    const last = Math.min(first + blockRows, from.count);
    for (let column = 0; column < to.count; column += 1) {
      for (let row = first; row < last; row += 1) distances[row - first]![column] = squaredDistance(from, row, to, column);
    }
    for (let row = first; row < last; row += 1) visit(row, distances[row - first]!);
  }
}

/** Four sums side by side: one would wait for the last addition before it begins the next. */
function squaredDistance(from: Rows, row: number, to: Rows, column: number): number {
  const a = from.values;
  const b = to.values;
  const width = from.width;
  const rest = width % 4;
  const end = (row + 1) * width - rest;
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  let j = column * width;
  for (let i = row * width; i < end; i += 4, j += 4) {
    const d0 = a[i]! - b[j]!;
    const d1 = a[i + 1]! - b[j + 1]!;
    const d2 = a[i + 2]! - b[j + 2]!;
    const d3 = a[i + 3]! - b[j + 3]!;
    sum0 += d0 * d0;
    sum1 += d1 * d1;
    sum2 += d2 * d2;
    sum3 += d3 * d3;
  }
  for (let k = 0; k < rest; k += 1) sum0 += (a[end + k]! - b[j + k]!) ** 2;
  return sum0 + sum1 + (sum2 + sum3);
}
