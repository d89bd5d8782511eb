/**
 * Which waiting shards go to which idle workers.
 *
 * How many is a matter of speed: all are to be done at the same time. Which ones is a matter of whole subtrees, since a worker sends one flat
 * for each. Neither has any influence on the bits.
 */
import { childrenOf, cover, shardsUnder, type TreeNode } from '@lockstep/shared';

/**
 * The shards of each worker, ascending, in the order of `slowness`, if there is any: how many times longer than usual each takes for a shard. If there are more
 * workers than shards, the slowest get none; everybody else gets at least one.
 */
export function assignShards(waiting: readonly number[], slowness: readonly number[], shardCount: number): number[][] {
  if (slowness.length === 0) return [];
  const left = quotasOf(waiting.length, slowness);
  const assigned: number[][] = slowness.map(() => []);
  let free = cover(waiting, shardCount);
  while (free.length > 0) {
    // Large subtrees first, as long as there are any: so nobody gets many small ones.
    const taker = left.indexOf(Math.max(...left));
    const taken = takeSubtree(free, left[taker]!, shardCount);
    const shards = shardsUnder(taken.node, shardCount);
    assigned[taker]!.push(...shards);
    left[taker]! -= shards.length;
    free = taken.free;
  }
  return assigned.map((shards) => shards.toSorted((a, b) => a - b));
}

/** How many shards each gets, such that the last to be done is done as early as can be. */
function quotasOf(count: number, slowness: readonly number[]): number[] {
  const takers = [...slowness.keys()].toSorted((a, b) => slowness[a]! - slowness[b]!).slice(0, count);
  const quotas = slowness.map(() => 0);
  for (const taker of takers) quotas[taker] = 1;
  for (let given = takers.length; given < count; given += 1) {
    let next = takers[0]!;
    for (const taker of takers) if ((quotas[taker]! + 1) * slowness[taker]! < (quotas[next]! + 1) * slowness[next]!) next = taker;
    quotas[next]! += 1;
  }
  return quotas;
}

/** The largest subtree of at most `limit` shards, from the smallest free one that has it; and what is free then. */
function takeSubtree(free: readonly TreeNode[], limit: number, shardCount: number): { readonly node: TreeNode; readonly free: TreeNode[] } {
  const size = (node: TreeNode): number => Math.min(shardCount, (node.index + 1) * 2 ** node.level) - node.index * 2 ** node.level;
  const firstWithin = (node: TreeNode): TreeNode => (size(node) <= limit ? node : firstWithin(childrenOf(node, shardCount)[0]!));
  let from = 0;
  for (const [index, node] of free.entries()) {
    const gain = size(firstWithin(node)) - size(firstWithin(free[from]!));
    if (gain > 0 || (gain === 0 && size(node) < size(free[from]!))) from = index;
  }
  let node = free[from]!;
  const rest: TreeNode[] = [];
  while (size(node) > limit) {
    const [first, ...others] = childrenOf(node, shardCount);
    rest.unshift(...others);
    node = first!;
  }
  return { node, free: free.toSpliced(from, 1, ...rest) };
}
