/** The sum's bits depend on the shards alone: not on order, grouping or the number of workers (invariants I2 and I4). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TreeNode } from '@lockstep/shared';
import { atOnce, cover, createFlatPool } from '@lockstep/shared';
import fc from 'fast-check';
import { createTreeSum, type TreeSum } from './reduce.ts';

const length = 5;

const treeSum = (shardCount: number): TreeSum => createTreeSum(shardCount, createFlatPool(shardCount));

/** The definition, written independently: pair neighbours level by level; an odd last one moves up. */
function pairwise(flats: readonly Float32Array[]): Float32Array {
  if (flats.length === 1) return flats[0]!.slice();
  const next: Float32Array[] = [];
  for (let index = 0; index < flats.length; index += 2) {
    const right = flats[index + 1];
    next.push(right === undefined ? flats[index]! : flats[index]!.map((value, element) => Math.fround(value + right[element]!)));
  }
  return pairwise(next);
}

/** Bits, with every NaN equal: IEEE 754 leaves open which NaN infinity - infinity is. */
function bitsOf(flat: Float32Array | undefined): string[] {
  assert.ok(flat !== undefined);
  return Array.from(new Uint32Array(flat.buffer, flat.byteOffset, flat.length), (bits, index) =>
    Number.isNaN(flat[index]!) ? 'NaN' : bits.toString(16),
  );
}

/** What a worker sends for a node: its shards summed in the same tree. A node is aligned, so its subtree is a tree of its own. */
function presum(node: TreeNode, flats: readonly Float32Array[]): Float32Array {
  const first = node.index * 2 ** node.level;
  return pairwise(flats.slice(first, first + 2 ** node.level));
}

const values = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.float({ min: -1, max: 1, noNaN: true }),
  fc.integer({ min: -0xffffff, max: 0xffffff }).map((units) => units * 2 ** -149),
  fc.constantFrom(0, -0, 2 ** -149, 3.4e38, -3.4e38, 1e-8, -1e-8),
);
const flat = fc.array(values, { minLength: length, maxLength: length }).map((numbers) => Float32Array.from(numbers));

/** Gradients of one round, how many workers there are, who computes which shard, and the order in which subtrees arrive. */
const rounds = fc.integer({ min: 1, max: 19 }).chain((shardCount) =>
  fc.record({
    flats: fc.array(flat, { minLength: shardCount, maxLength: shardCount }),
    owners: fc.array(fc.nat({ max: 7 }), { minLength: shardCount, maxLength: shardCount }),
    whole: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
    ranks: fc.array(fc.nat(), { minLength: shardCount, maxLength: shardCount }),
    keeps: fc.array(fc.boolean(), { minLength: shardCount, maxLength: shardCount }),
  }),
);

test('the same bits for any assignment, grouping and order of arrival, even if the memory of flats is overwritten after detach', () => {
  const property = fc.property(rounds, ({ flats, owners, whole, ranks, keeps }) => {
    const shardCount = flats.length;
    const nodes = [...new Set(owners)].flatMap((owner) => {
      const shards = owners.flatMap((candidate, shard) => (candidate === owner ? [shard] : []));
      return whole[owner] ? cover(shards, shardCount) : shards.map((index) => ({ level: 0, index }));
    });
    const arrivals = nodes.map((node, index) => ({ node, rank: ranks[index]! })).toSorted((a, b) => a.rank - b.rank);
    const sum = treeSum(shardCount);
    const arrived: Float32Array[] = [];
    arrivals.forEach(({ node }, index) => {
      assert.equal(sum.total(), undefined, `complete after ${index} of ${arrivals.length} nodes`);
      arrived.push(presum(node, flats));
      atOnce(sum.add(node, arrived.at(-1)!));
      if (!keeps[index]) return;
      atOnce(sum.detach());
      arrived.forEach((memory) => memory.fill(77));
    });
    assert.deepEqual(bitsOf(sum.total()), bitsOf(pairwise(flats)));
  });
  fc.assert(property, { numRuns: 1000 });
});

test('the tree is not a running sum: these numbers show the difference', () => {
  const flats = [1, 2 ** -24, 2 ** -24, 2 ** -24].map((value) => Float32Array.of(value));
  const sum = treeSum(4);
  flats.forEach((shard, index) => atOnce(sum.add({ level: 0, index }, shard.slice())));
  assert.equal(sum.total()![0], 1 + 2 ** -23);
  assert.equal(
    flats.reduce((running, shard) => Math.fround(running + shard[0]!), 0),
    1,
  );
});

test('one shard is its own sum, in the memory it came in', () => {
  const only = Float32Array.of(1, 2, 3);
  const sum = treeSum(1);
  atOnce(sum.add({ level: 0, index: 0 }, only));
  assert.equal(sum.total(), only);
});

test('at most half as many flats as shards are held, and all but the total go back to the pool', () => {
  for (const shardCount of [1, 2, 5, 8, 19]) {
    let held = 0;
    let most = 0;
    const sum = createTreeSum(shardCount, {
      take: (size) => {
        held += 1;
        most = Math.max(most, held);
        return new Float32Array(size);
      },
      give: () => {
        held -= 1;
      },
      lends: () => false,
    });
    const evenFirst = Array.from({ length: shardCount }, (_, index) => index).toSorted((a, b) => (a % 2) - (b % 2));
    for (const index of evenFirst) {
      atOnce(sum.add({ level: 0, index }, Float32Array.of(1)));
      atOnce(sum.detach());
    }
    assert.deepEqual(sum.total(), Float32Array.of(shardCount));
    assert.equal(held, 1);
    assert.equal(most, Math.ceil(shardCount / 2));
  }
});

test('a shard counted twice, or outside the tree, is a mistake', () => {
  const sum = treeSum(5);
  const add = (level: number, index: number): void => atOnce(sum.add({ level, index }, new Float32Array(1)));
  add(1, 0);
  assert.throws(() => add(1, 0), /shard 0 is in the sum already/);
  assert.throws(() => add(0, 1), /shard 1 is in the sum already/);
  assert.throws(() => add(2, 0), /shard 0 is in the sum already/);
  assert.throws(() => add(3, 0), /shard 0 is in the sum already/);
  assert.throws(() => add(0, 5), /no node 0\/5/);
  assert.throws(() => add(4, 0), /no node 4\/0/);
  assert.equal(sum.total(), undefined);
  add(2, 1);
  assert.throws(() => add(0, 4), /shard 4 is in the sum already/);
  add(1, 1);
  assert.ok(sum.total() !== undefined);
  assert.throws(() => add(1, 1), /shard 2 is in the sum already/);
});

test('flats of different lengths are a mistake', () => {
  const sum = treeSum(2);
  atOnce(sum.add({ level: 0, index: 0 }, new Float32Array(2)));
  assert.throws(() => atOnce(sum.add({ level: 0, index: 1 }, new Float32Array(3))), /2 elements cannot be added to 3/);
});

test("takes over flats that are the pool's, and gives all but the total back", () => {
  const pool = createFlatPool(4);
  const flats = [1, 2, 4, 8].map((value) => pool.take(10).fill(value));
  const sum = createTreeSum(4, pool);
  for (const index of [2, 0, 3, 1]) atOnce(sum.add({ level: 0, index }, flats[index]!));
  const total = sum.total()!;
  assert.deepEqual(total, new Float32Array(10).fill(15));
  assert.deepEqual(
    flats.filter((flat) => pool.lends(flat)),
    [total],
  );
});
