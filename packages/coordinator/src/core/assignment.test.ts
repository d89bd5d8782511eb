/** Every waiting shard once, in few subtrees, by speed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cover } from '@lockstep/shared';
import fc from 'fast-check';
import { assignShards } from './assignment.ts';

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const even = (workers: number): number[] => range(workers).map(() => 1);
const flats = (assigned: readonly number[][], shardCount: number): number =>
  assigned.reduce((sum, shards) => sum + (shards.length === 0 ? 0 : cover(shards, shardCount).length), 0);
const ones = (value: number): number => value.toString(2).replaceAll('0', '').length;

const cases = fc.integer({ min: 1, max: 70 }).chain((shardCount) =>
  fc.record({
    shardCount: fc.constant(shardCount),
    waiting: fc.subarray(range(shardCount), { minLength: 1 }),
    slowness: fc.array(fc.constantFrom<number>(0.5, 1, 1, 1.6, 5, 100), { minLength: 1, maxLength: 12 }),
  }),
);

describe('assignment', () => {
  test('each waiting shard goes to one worker, and nobody is left without while there are shards enough', () => {
    fc.assert(
      fc.property(cases, ({ shardCount, waiting, slowness }) => {
        const assigned = assignShards(waiting, slowness, shardCount);
        assert.deepEqual(
          assigned.flat().toSorted((a, b) => a - b),
          waiting,
        );
        for (const shards of assigned)
          assert.deepEqual(
            shards,
            shards.toSorted((a, b) => a - b),
          );
        assert.equal(assigned.filter((shards) => shards.length > 0).length, Math.min(slowness.length, waiting.length));
      }),
    );
  });

  test('a worker that gets faster gets no fewer shards', () => {
    fc.assert(
      fc.property(cases, fc.nat(), ({ shardCount, waiting, slowness }, choice) => {
        const worker = choice % slowness.length;
        const faster = slowness.with(worker, slowness[worker]! / 3);
        const count = (all: readonly number[]): number => assignShards(waiting, all, shardCount)[worker]!.length;
        assert.ok(count(faster) >= count(slowness));
      }),
    );
  });

  test('no shard could be given to another worker such that all are done earlier', () => {
    fc.assert(
      fc.property(cases, ({ shardCount, waiting, slowness }) => {
        const sizes = assignShards(waiting, slowness, shardCount).map(({ length }) => length);
        const times = sizes.map((size, worker) => size * slowness[worker]!);
        const last = times.indexOf(Math.max(...times));
        // One shard is the least that anybody gets.
        if (sizes[last] === 1) return;
        for (const [worker, size] of sizes.entries()) if (worker !== last) assert.ok((size + 1) * slowness[worker]! >= times[last]!);
      }),
    );
  });

  test('all shards of a power of two go in the fewest subtrees that such shares can have', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 8 }),
        fc.array(fc.constantFrom<number>(1, 1, 2, 5), { minLength: 1, maxLength: 12 }),
        (level, slowness) => {
          const shardCount = 2 ** level;
          const assigned = assignShards(range(shardCount), slowness, shardCount);
          const least = assigned.reduce((sum, { length }) => sum + ones(length), 0);
          assert.ok(flats(assigned, shardCount) <= least);
        },
      ),
    );
  });

  test('whatever waits, a worker sends few flats for it', () => {
    fc.assert(
      fc.property(cases, ({ shardCount, waiting, slowness }) => {
        const assigned = assignShards(waiting, slowness, shardCount);
        const least = assigned.reduce((sum, { length }) => sum + ones(length), 0);
        assert.ok(flats(assigned, shardCount) <= least + 2 * cover(waiting, shardCount).length);
      }),
    );
  });

  test('256 shards over 7 workers are 18 flats, where contiguous blocks would be 34; those of 16 over 4 are contiguous', () => {
    assert.equal(flats(assignShards(range(256), even(7), 256), 256), 18);
    assert.equal(flats(assignShards(range(8), even(3), 8), 8), 5);
    assert.deepEqual(assignShards(range(16), even(4), 16), [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9, 10, 11],
      [12, 13, 14, 15],
    ]);
  });

  test('a worker five times slower gets a fifth, and of too many workers the slowest gets nothing', () => {
    assert.deepEqual(
      assignShards(range(16), [1, 5, 1, 1], 16).map(({ length }) => length),
      [5, 1, 5, 5],
    );
    assert.deepEqual(assignShards([0, 1], [1, 5, 1], 2), [[0], [], [1]]);
    assert.deepEqual(assignShards([0, 1], [], 2), []);
  });
});
