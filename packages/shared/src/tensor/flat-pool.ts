/**
 * Memory for flats, reused round after round.
 *
 * Why: a flat is megabytes outside the JavaScript heap. New ones for every shard of every round make V8 collect all garbage about once a
 * round ("external memory pressure") and the kernel map and clear fresh pages; both cost more than the arithmetic. What came back last is
 * handed out first, for any length it has room for, since it is most likely still in the processor's cache.
 *
 * Not responsible for: knowing when a flat is no longer needed. One that is never given back is garbage like any other, except that its
 * place in an arena stays taken.
 */
export interface FlatPool {
  /** Its content is undefined. */
  take(length: number): Float32Array;
  /** Its content is lost from then on. Flats that are not this pool's, or were given back already, are ignored. */
  give(flat: Float32Array): void;
  /** Whether the flat is this pool's, and in use. */
  lends(flat: Float32Array): boolean;
}

/**
 * Keeps memory for at most `maximum` flats that are not in use, each of the greatest length that was asked for, or of `longest` from the
 * start. `allocate` makes it: `createArena` where flats are to be added.
 */
export function createFlatPool(
  maximum: number,
  allocate = (length: number): Float32Array => new Float32Array(length),
  longest = 0,
): FlatPool {
  const free: Float32Array[] = [];
  /** From a flat to the memory that it is the beginning of. A flat is handed out once, so that a late `give` of it means nothing. */
  const lent = new WeakMap<Float32Array, Float32Array>();
  let greatest = longest;
  return {
    take(length) {
      greatest = Math.max(greatest, length);
      let memory = free.pop();
      // From a time when flats were shorter.
      while (memory !== undefined && memory.length < greatest) memory = free.pop();
      memory ??= allocate(greatest);
      const flat = memory.subarray(0, length);
      lent.set(flat, memory);
      return flat;
    },
    give(flat) {
      const memory = lent.get(flat);
      if (lent.delete(flat) && free.length < maximum) free.push(memory!);
    },
    lends: (flat) => lent.has(flat),
  };
}
