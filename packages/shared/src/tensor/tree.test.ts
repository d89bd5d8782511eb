import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TreeNode } from './tree.ts';
import { childrenOf, cover, isNode, nodesOnLevel, rootOf, shardsUnder } from './tree.ts';

const shardCounts = fc.integer({ min: 1, max: 70 });
const subsets = shardCounts.chain((shardCount) =>
  fc.record({ shardCount: fc.constant(shardCount), shards: fc.subarray(Array.from({ length: shardCount }, (_, shard) => shard)) }),
);

function allNodes(shardCount: number): TreeNode[] {
  const nodes: TreeNode[] = [];
  for (let level = 0; level <= rootOf(shardCount).level; level += 1) {
    for (let index = 0; index < nodesOnLevel(shardCount, level); index += 1) nodes.push({ level, index });
  }
  return nodes;
}

test('the root covers every shard', () => {
  const property = fc.property(shardCounts, (shardCount) => {
    assert.deepEqual(
      shardsUnder(rootOf(shardCount), shardCount),
      Array.from({ length: shardCount }, (_, shard) => shard),
    );
  });
  fc.assert(property);
});

test('children partition their parent, left before right', () => {
  const property = fc.property(shardCounts, (shardCount) => {
    for (const node of allNodes(shardCount)) {
      if (node.level === 0) continue;
      const children = childrenOf(node, shardCount);
      assert.ok(children.length === 1 || children.length === 2);
      assert.ok(children.every((child) => isNode(child, shardCount)));
      assert.deepEqual(
        children.flatMap((child) => shardsUnder(child, shardCount)),
        shardsUnder(node, shardCount),
      );
    }
  });
  fc.assert(property);
});

test('only an odd last node moves up alone', () => {
  assert.deepEqual(childrenOf({ level: 1, index: 2 }, 5), [{ level: 0, index: 4 }]);
  assert.deepEqual(childrenOf({ level: 3, index: 0 }, 5), [
    { level: 2, index: 0 },
    { level: 2, index: 1 },
  ]);
  assert.deepEqual(rootOf(5), { level: 3, index: 0 });
  assert.deepEqual(rootOf(1), { level: 0, index: 0 });
});

test('a cover holds exactly the shards asked for, each once, in order', () => {
  const property = fc.property(subsets, ({ shardCount, shards }) => {
    const nodes = cover(shards, shardCount);
    assert.ok(nodes.every((node) => isNode(node, shardCount)));
    assert.deepEqual(
      nodes.flatMap((node) => shardsUnder(node, shardCount)),
      shards,
    );
  });
  fc.assert(property);
});

test('no set of nodes covers the same shards with fewer', () => {
  for (let shardCount = 1; shardCount <= 5; shardCount += 1) {
    const nodes = allNodes(shardCount);
    const bits = nodes.map((node) => shardsUnder(node, shardCount).reduce((sum, shard) => sum | (1 << shard), 0));
    const fewest = new Map<number, number>();
    for (let chosen = 0; chosen < 2 ** nodes.length; chosen += 1) {
      const picked = bits.filter((_, node) => (chosen >> node) & 1);
      const covered = picked.reduce((sum, mask) => sum | mask, 0);
      fewest.set(covered, Math.min(fewest.get(covered) ?? Infinity, picked.length));
    }
    for (const [covered, count] of fewest) {
      const shards = Array.from({ length: shardCount }, (_, shard) => shard).filter((shard) => (covered >> shard) & 1);
      assert.equal(cover(shards, shardCount).length, count, `shards ${shards.join()} of ${shardCount}`);
    }
  }
});

test('what is not a node is not taken for one', () => {
  const strangers = [
    { level: 0, index: 5 },
    { level: 1, index: 3 },
    { level: 4, index: 0 },
    { level: -1, index: 0 },
    { level: 0, index: -1 },
    { level: 0.5, index: 0 },
    { level: 0, index: 0.5 },
    { level: Number.NaN, index: 0 },
  ];
  for (const node of strangers) assert.equal(isNode(node, 5), false, JSON.stringify(node));
  for (const node of allNodes(5)) assert.equal(isNode(node, 5), true, JSON.stringify(node));
});
