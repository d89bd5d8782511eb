/**
 * Sums the shards' gradients of one round in the fixed tree, as they arrive (`shared/src/tensor/`: the tree in `tree.ts`, adding in
 * `sum.ts`).
 *
 * Responsible for: adding siblings as soon as both have arrived, so that adding overlaps with waiting and few flats are held; refusing what
 * would count a shard twice. Not responsible for: deciding which results count (the core), or checking the total (`model.ts`).
 *
 * Which additions are made depends on the tree alone, never on arrival. IEEE addition is commutative bit for bit (except for a NaN's
 * payload, and no NaN is ever applied), so a flat that arrives is added to all siblings that are waiting, up the tree, in one pass over
 * memory.
 *
 * With shared memory, a flat that arrives lies in its worker's memory, and waits there for its sibling. That saves a copy, but before the
 * worker may write there again, `detach` has to be called.
 */
import { childrenOf, type FlatPool, inParts, isNode, nodeKey, type Parts, rootOf, shardsUnder, sumInParts } from '@lockstep/shared';
import type { TreeNode } from '@lockstep/shared';

export interface TreeSum {
  /** Any order; each shard under exactly one node. The flat must stay as it is until `detach`, or until the total has been used. */
  add(node: TreeNode, flat: Float32Array): Parts<void>;
  /** Copies every waiting flat that does not lie in the pool's memory yet. */
  detach(): Parts<void>;
  /** The sum over all shards once they are all in, `undefined` before. Read it only: it may belong to the pool, which takes it back. */
  total(): Float32Array | undefined;
}

/**
 * A sum for one round of `shardCount` shards, each flat of shape [n] with the same n. A flat that is the pool's is taken over, and may be
 * written. Holds at most ceil(shardCount / 2) flats of the pool once it has added one.
 */
export function createTreeSum(shardCount: number, pool: FlatPool): TreeSum {
  const root = rootOf(shardCount);
  const covered = new Uint8Array(shardCount);
  /** Sums that wait for their sibling, by node. */
  const waiting = new Map<string, Float32Array>();
  /** Those of them that belong to the pool. */
  const own = new Set<Float32Array>();

  const claim = (node: TreeNode): void => {
    if (!isNode(node, shardCount)) throw new Error(`There is no node ${nodeKey(node)} in a tree of ${shardCount} shards`);
    for (const shard of shardsUnder(node, shardCount)) {
      if (covered[shard] === 1) throw new Error(`Node ${nodeKey(node)}: shard ${shard} is in the sum already`);
    }
    for (const shard of shardsUnder(node, shardCount)) covered[shard] = 1;
  };

  const take = (length: number): Float32Array => {
    const flat = pool.take(length);
    own.add(flat);
    return flat;
  };

  /** The flat plus its siblings, nearest first. */
  function* sumOf(flat: Float32Array, siblings: readonly Float32Array[]): Parts<Float32Array> {
    const [nearest, ...others] = siblings;
    if (nearest === undefined) return flat;
    const sum = own.has(nearest) ? nearest : take(flat.length);
    yield* sumInParts(sum, nearest, flat, ...others);
    for (const added of [flat, ...others]) if (own.delete(added)) pool.give(added);
    return sum;
  }

  return {
    *add(node, flat) {
      claim(node);
      if (pool.lends(flat)) own.add(flat);
      const siblings: Float32Array[] = [];
      let at = node;
      while (at.level < root.level) {
        const parent = { level: at.level + 1, index: Math.floor(at.index / 2) };
        const sibling = childrenOf(parent, shardCount).find(({ index }) => index !== at.index);
        if (sibling !== undefined) {
          const other = waiting.get(nodeKey(sibling));
          if (other === undefined) break;
          waiting.delete(nodeKey(sibling));
          siblings.push(other);
        }
        at = parent;
      }
      waiting.set(nodeKey(at), yield* sumOf(flat, siblings));
    },
    *detach() {
      for (const [name, flat] of waiting) {
        if (own.has(flat)) continue;
        const copy = take(flat.length);
        yield* inParts(flat.length, (start, end) => copy.set(flat.subarray(start, end), start));
        waiting.set(name, copy);
      }
    },
    total: () => waiting.get(nodeKey(root)),
  };
}
