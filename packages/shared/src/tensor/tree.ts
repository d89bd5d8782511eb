/**
 * The fixed binary tree in which shard gradients are added, as names only (no tensors).
 *
 * Pair neighbours level by level; an odd last node moves up unchanged. The shape depends on the number of shards alone,
 * so the sum's bits do not depend on who computed what, or in which order results arrived.
 * A worker may send whole aligned subtrees, already added with the same kernel.
 */

/** Node `index` of level `level`; level 0 are the shards. It covers shards [index * 2^level, (index + 1) * 2^level) that exist. */
export interface TreeNode {
  readonly level: number;
  readonly index: number;
}

/** A name for a node, the same for equal nodes. */
export function nodeKey(node: TreeNode): string {
  return `${node.level}/${node.index}`;
}

/** Nodes on a level: ceil(shards / 2^level). */
export function nodesOnLevel(shardCount: number, level: number): number {
  return Math.ceil(shardCount / 2 ** level);
}

export function rootOf(shardCount: number): TreeNode {
  let level = 0;
  while (nodesOnLevel(shardCount, level) > 1) level += 1;
  return { level, index: 0 };
}

export function isNode(node: TreeNode, shardCount: number): boolean {
  return (
    Number.isInteger(node.level) &&
    Number.isInteger(node.index) &&
    node.level >= 0 &&
    node.level <= rootOf(shardCount).level &&
    node.index >= 0 &&
    node.index < nodesOnLevel(shardCount, node.level)
  );
}

/** The shards under a node, ascending. */
export function shardsUnder(node: TreeNode, shardCount: number): number[] {
  const first = node.index * 2 ** node.level;
  const end = Math.min(shardCount, first + 2 ** node.level);
  return Array.from({ length: end - first }, (_, offset) => first + offset);
}

/** The fewest nodes that cover exactly these shards, in shard order. */
export function cover(shards: readonly number[], shardCount: number): TreeNode[] {
  const nodes: TreeNode[] = [];
  const wanted = new Set(shards);
  const visit = (node: TreeNode): void => {
    const under = shardsUnder(node, shardCount);
    if (under.every((shard) => wanted.has(shard))) nodes.push(node);
    else if (node.level > 0) childrenOf(node, shardCount).forEach(visit);
  };
  visit(rootOf(shardCount));
  return nodes;
}

/** One or two nodes of the level below, left first. One: an odd last node that moved up unchanged. */
export function childrenOf(node: TreeNode, shardCount: number): TreeNode[] {
  const level = node.level - 1;
  const left = { level, index: node.index * 2 };
  const right = { level, index: node.index * 2 + 1 };
  return right.index < nodesOnLevel(shardCount, level) ? [left, right] : [left];
}
