/**
 * Which waiting shards go to which idle workers.
 *
 * Contiguous blocks, as equal as can be, in worker order: a worker whose shards are neighbours can send whole subtrees. The result has no
 * influence on the bits, only on time.
 */

/** One entry per idle worker that gets work: its position in `idle` and its shards, ascending. Workers beyond the shards stand by. */
export function assignShards(waiting: readonly number[], idleCount: number): number[][] {
  const takers = Math.min(idleCount, waiting.length);
  return Array.from({ length: takers }, (_, taker) =>
    waiting.slice(Math.floor((taker * waiting.length) / takers), Math.floor(((taker + 1) * waiting.length) / takers)),
  );
}
