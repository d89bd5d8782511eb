/**
 * Memory for flats, used again round after round instead of new.
 *
 * Why: a flat is megabytes outside the JavaScript heap. New ones for every shard of every round make V8 collect all garbage about once a
 * round ("external memory pressure") and the kernel map and clear fresh pages; both cost more than the arithmetic. What came back last is
 * handed out first, for any length it has room for, since it is most likely still in the processor's cache.
 *
 * Not responsible for: knowing when a flat is done with. One that is never given back is garbage like any other.
 */
export interface FlatPool {
  /** Of any content. */
  take(length: number): Float32Array;
  /** Its content is lost from here on. Flats that are not this pool's, or were given back already, are ignored. */
  give(flat: Float32Array): void;
}

/** Keeps memory for at most `maximum` flats that are not in use, each of the greatest length that was asked for. */
export function createFlatPool(maximum: number): FlatPool {
  const free: ArrayBuffer[] = [];
  const lent = new WeakSet<Float32Array>();
  let greatest = 0;
  return {
    take(length) {
      greatest = Math.max(greatest, length);
      let buffer = free.pop();
      // Of a time when flats were shorter.
      while (buffer !== undefined && buffer.byteLength < greatest * 4) buffer = free.pop();
      const flat = new Float32Array(buffer ?? new ArrayBuffer(greatest * 4), 0, length);
      lent.add(flat);
      return flat;
    },
    give(flat) {
      if (lent.delete(flat) && free.length < maximum) free.push(flat.buffer as ArrayBuffer);
    },
  };
}
