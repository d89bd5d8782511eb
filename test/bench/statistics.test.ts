import assert from 'node:assert/strict';
import test from 'node:test';
import { median, medianInterval, spreadOf, withRange } from './statistics.ts';

test('the median of an even and of an odd number of samples', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([9, 1, 5, 6]), 5.5);
  assert.throws(() => median([]), /nothing was measured/);
});

test('a spread keeps its samples in their order and prints its range', () => {
  const spread = spreadOf([6700, 6420, 6614]);
  assert.deepEqual(spread.samples, [6700, 6420, 6614]);
  assert.equal(withRange(spread), '6,614 (6,420-6,700)');
  assert.equal(withRange(spreadOf([1.25]), 1), '1.3 (1.3-1.3)');
});

test('the interval of a median is between the ordered samples that tables of the sign test name', () => {
  const oneTo = (count: number): number[] => Array.from({ length: count }, (_, index) => count - index);
  for (const [count, low, high] of [
    [6, 1, 6],
    [8, 1, 8],
    [9, 2, 8],
    [10, 2, 9],
    [12, 3, 10],
    [20, 6, 15],
  ] as const)
    assert.deepEqual(medianInterval(oneTo(count)), { median: (count + 1) / 2, low, high });
  assert.deepEqual(medianInterval([3, 1]), { median: 2, low: undefined, high: undefined });
});
