/**
 * The order in which a run reads its data: an endless stream of image ids, one permutation of the dataset per epoch, epoch after epoch.
 *
 * Responsible for: which id stands at a position of the stream, a pure function of (seed, dataset size, position), so that a resumed run
 * needs only its position. Not responsible for: how many ids a round takes (the core's cursor). Batches run across epoch ends,
 * so each image appears exactly once per epoch for any batch size.
 */
import { permutation, streams } from '@lockstep/shared';

export interface IdStream {
  /** Ids at stream positions [position, position + count), in a fresh array. Both are integers of at least 0. */
  idsAt(position: number, count: number): Uint32Array;
}

/** Enough for a batch across an epoch's end; a larger batch draws more, one after the other. */
const cachedEpochs = 2;

/** The stream over `size` images. */
export function createIdStream(seed: number, size: number): IdStream {
  if (!Number.isSafeInteger(size) || size < 1) throw new Error(`There is no stream over ${size} images`);
  const cache = new Map<number, Uint32Array>();

  const orderOf = (epoch: number): Uint32Array => {
    const order = cache.get(epoch) ?? permutation(seed, streams.permutation, epoch, size);
    cache.delete(epoch);
    cache.set(epoch, order);
    // A Map keeps the order of insertion: the first entry is the least recently used.
    if (cache.size > cachedEpochs) cache.delete(cache.keys().next().value!);
    return order;
  };

  return {
    idsAt(position, count) {
      if (!Number.isSafeInteger(position) || position < 0) throw new Error(`There is no stream position ${position}`);
      const ids = new Uint32Array(count);
      let filled = 0;
      while (filled < count) {
        const at = position + filled;
        const start = at % size;
        const taken = Math.min(count - filled, size - start);
        ids.set(orderOf(Math.floor(at / size)).subarray(start, start + taken), filled);
        filled += taken;
      }
      return ids;
    },
  };
}
