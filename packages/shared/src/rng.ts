/**
 * Counter-based randomness: every number is a pure function of (seed, stream, round, position), so it does not matter who draws it, or when.
 *
 * Responsible for: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011), uniform and
 * normal rows, and permutations. Not responsible for: what is drawn for which purpose beyond the stream numbers below.
 *
 * Bits: integer arithmetic is exact everywhere. Normals use Math.log, cos and sin, which V8 computes in software; a worker whose engine
 * differs is found by the fingerprint, which covers drawn inputs.
 */
import type { InputSpec } from './recipe.ts';
import { elementCount } from './tensor/manifest.ts';

/** One number per purpose, so that no two purposes ever share a draw. Declared inputs use `inputs + index`. */
export const streams = { initialWeights: 0x1000, permutation: 0x2000, fingerprint: 0x3000, inputs: 0x4000, samples: 0x5000 } as const;

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;

/** High 32 bits of the 64-bit product of two uint32. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const middle2 = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + (middle2 >>> 16)) >>> 0;
}

/** Philox4x32-10: writes four uint32 to `out`. */
export function philox(c0: number, c1: number, c2: number, c3: number, key0: number, key1: number, out: Uint32Array): void {
  for (let round = 0; round < 10; round += 1) {
    const high0 = multiplyHigh(multiplier0, c0);
    const low0 = Math.imul(multiplier0, c0) >>> 0;
    const high1 = multiplyHigh(multiplier1, c2);
    const low1 = Math.imul(multiplier1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ key0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ key1) >>> 0;
    c3 = low0;
    key0 = (key0 + weyl0) >>> 0;
    key1 = (key1 + weyl1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** A generator of uint32s for one (seed, stream, a, b): an endless sequence, cheap to create. */
export function sequence(seed: number, stream: number, a: number, b: number): () => number {
  const [key0, key1] = seedWords(seed);
  const block = new Uint32Array(4);
  let counter = 0;
  let used = 4;
  return () => {
    if (used === 4) {
      philox(counter, a >>> 0, b >>> 0, stream, key0, key1, block);
      counter += 1;
      used = 0;
    }
    const word = block[used]!;
    used += 1;
    return word;
  };
}

/** [0, 1) with 24 bits: exact in float32. */
function unit(word: number): number {
  return (word >>> 8) * 2 ** -24;
}

/** (0, 1] with 24 bits: safe under a logarithm. */
function unitAboveZero(word: number): number {
  return ((word >>> 8) + 1) * 2 ** -24;
}

/** Uniform float32 in [0, 1) from `next`. */
export function uniform(next: () => number): number {
  return unit(next());
}

/** Two independent standard normals (Box & Muller 1958), in float64. */
export function normalPair(next: () => number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log(unitAboveZero(next())));
  const angle = 2 * Math.PI * unit(next());
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

/**
 * Rows of a declared input for batch positions [start, start + count): shape [count, ...spec.shape], row-major.
 * A row depends on (seed, stream, round, position) alone: cutting the batch differently changes nothing.
 */
export function inputRows(spec: InputSpec, seed: number, stream: number, round: number, start: number, count: number): Float32Array {
  const length = elementCount(spec.shape);
  const rows = new Float32Array(count * length);
  for (let row = 0; row < count; row += 1) {
    const next = sequence(seed, stream, round, start + row);
    const offset = row * length;
    for (let column = 0; column < length; column += 2) {
      const [first, second] = spec.distribution === 'normal' ? normalPair(next) : [uniform(next), uniform(next)];
      rows[offset + column] = first;
      if (column + 1 < length) rows[offset + column + 1] = second;
    }
  }
  return rows;
}

/** A permutation of 0..length-1 (Fisher & Yates, with unbiased bounded draws by rejection). */
export function permutation(seed: number, stream: number, epoch: number, length: number): Uint32Array {
  const next = sequence(seed, stream, epoch, 0);
  const order = Uint32Array.from({ length }, (_, index) => index);
  for (let last = length - 1; last > 0; last -= 1) {
    const chosen = below(next, last + 1);
    const moved = order[last]!;
    order[last] = order[chosen]!;
    order[chosen] = moved;
  }
  return order;
}

/** An unbiased integer in [0, bound). */
function below(next: () => number, bound: number): number {
  const limit = 2 ** 32 - (2 ** 32 % bound);
  for (;;) {
    const word = next();
    if (word < limit) return word % bound;
  }
}

/** A seed is a safe integer of at least 0: its low and high words are the Philox key. */
function seedWords(seed: number): [number, number] {
  return [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
}
