/** How a global batch is cut into shards: fixed by batch size and shard count, never by workers. */

/** Sizes of the shards: as equal as can be, the larger ones first, at most two different sizes. */
export function shardSizes(batchSize: number, shardCount: number): number[] {
  const base = Math.floor(batchSize / shardCount);
  const larger = batchSize % shardCount;
  return Array.from({ length: shardCount }, (_, shard) => base + (shard < larger ? 1 : 0));
}

/** Position in the batch of each shard's first sample. */
export function shardStarts(batchSize: number, shardCount: number): number[] {
  let start = 0;
  return shardSizes(batchSize, shardCount).map((size) => {
    const first = start;
    start += size;
    return first;
  });
}
