/**
 * Flats used again, round after round, instead of new ones.
 *
 * Why: a flat is megabytes outside the JavaScript heap. New ones for every shard of every round make V8 collect all garbage about once a
 * round ("external memory pressure") and the kernel map and clear fresh pages; both cost more than the arithmetic.
 *
 * Not responsible for: knowing when a flat is done with. One that is never given back is garbage like any other.
 */
export interface FlatPool {
  /** Of any content. */
  take(length: number): Float32Array;
  /** Its content is lost from here on. Flats that are not this pool's, or were given back already, are ignored. */
  give(flat: Float32Array): void;
}

/** Keeps at most `maximum` flats of each length. */
export function createFlatPool(maximum: number): FlatPool {
  const free = new Map<number, Float32Array[]>();
  const lent = new WeakSet<Float32Array>();
  return {
    take(length) {
      const flat = free.get(length)?.pop() ?? new Float32Array(length);
      lent.add(flat);
      return flat;
    },
    give(flat) {
      if (!lent.delete(flat)) return;
      const same = free.get(flat.length) ?? [];
      if (same.length < maximum) same.push(flat);
      free.set(flat.length, same);
    },
  };
}
