/**
 * Sums the shards' gradients of one round in the fixed tree, as they arrive.
 *
 * Responsible for: adding siblings as soon as both are there, so that work overlaps with waiting and few flats are held; and for refusing
 * what would count a shard twice. Not responsible for: deciding which results count (the core), or checking the total (`model.ts`).
 *
 * Which additions are made depends on the tree alone, never on arrival. IEEE addition is commutative bit for bit (but for a NaN's payload,
 * and no NaN is ever applied), so an arriving sum takes up its siblings as it climbs, all in one pass over memory.
 */
import { addInto, childrenOf, isNode, rootOf, shardsUnder } from '@lockstep/shared';
import type { TreeNode } from '@lockstep/shared';

export interface TreeSum {
  /** Takes the flat over: it may be written, and must not be used again by the caller. Any order; each shard under exactly one node. */
  add(node: TreeNode, flat: Float32Array): void;
  /** The sum over all shards once they are all in, `undefined` before. The caller may write it: nothing is added any more. */
  total(): Float32Array | undefined;
}

/** A sum for one round of `shardCount` shards, each flat of shape [n] with the same n. */
export function createTreeSum(shardCount: number, added: (flat: Float32Array) => void = () => undefined): TreeSum {
  const root = rootOf(shardCount);
  const covered = new Uint8Array(shardCount);
  /** Sums that wait for their sibling. */
  const waiting = new Map<string, Float32Array>();
  const key = (node: TreeNode): string => `${node.level}/${node.index}`;

  const claim = (node: TreeNode): void => {
    if (!isNode(node, shardCount)) throw new Error(`There is no node ${key(node)} in a tree of ${shardCount} shards`);
    for (const shard of shardsUnder(node, shardCount)) {
      if (covered[shard] === 1) throw new Error(`Node ${key(node)}: shard ${shard} is in the sum already`);
    }
    for (const shard of shardsUnder(node, shardCount)) covered[shard] = 1;
  };

  return {
    add(node, flat) {
      claim(node);
      const siblings: Float32Array[] = [];
      let at = node;
      while (at.level < root.level) {
        const parent = { level: at.level + 1, index: Math.floor(at.index / 2) };
        const sibling = childrenOf(parent, shardCount).find(({ index }) => index !== at.index);
        if (sibling !== undefined) {
          const other = waiting.get(key(sibling));
          if (other === undefined) break;
          waiting.delete(key(sibling));
          siblings.push(other);
        }
        at = parent;
      }
      addInto(flat, ...siblings);
      siblings.forEach(added);
      waiting.set(key(at), flat);
    },
    total: () => waiting.get(key(root)),
  };
}
