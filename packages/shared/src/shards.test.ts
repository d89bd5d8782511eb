import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { shardSizes, shardStarts } from './shards.ts';

const cuts = fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 200 }));

test('shards cover the batch without gap or overlap', () => {
  const property = fc.property(cuts, ([batchSize, shardCount]) => {
    const sizes = shardSizes(batchSize, shardCount);
    const starts = shardStarts(batchSize, shardCount);
    assert.equal(sizes.length, shardCount);
    assert.equal(starts.length, shardCount);
    assert.equal(starts[0], 0);
    starts.forEach((start, shard) => assert.equal(start + sizes[shard]!, starts[shard + 1] ?? batchSize));
  });
  fc.assert(property);
});

test('shards differ by one sample at most, the larger first', () => {
  const property = fc.property(cuts, ([batchSize, shardCount]) => {
    const sizes = shardSizes(batchSize, shardCount);
    assert.ok(sizes[0]! - sizes.at(-1)! <= 1);
    assert.deepEqual(
      sizes,
      sizes.toSorted((a, b) => b - a),
    );
  });
  fc.assert(property);
});

test('500 samples in 6 shards', () => {
  assert.deepEqual(shardSizes(500, 6), [84, 84, 83, 83, 83, 83]);
  assert.deepEqual(shardStarts(500, 6), [0, 84, 168, 251, 334, 417]);
});
