/**
 * Counter-based randomness: every number is a pure function of (seed, stream, round, position), so it does not matter who draws it, or when.
 *
 * Responsible for: what is drawn from which coordinates: uniform and normal rows, sequences, and permutations. Not responsible for: which
 * purpose has which position, beyond the stream numbers below; the arithmetic, which is WebAssembly's (`kernels/noise.ts`): Philox4x32-10
 * (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011) and Box & Muller's normals (1958).
 *
 * Bits: the same on every machine and every Node. Normals have a logarithm, sine and cosine of their own, since ECMAScript leaves the bits
 * of Math's to the engine: Node's builds for macOS on ARM64 have changed such functions (nodejs/node issues 56796 and 59095), and V8's
 * sources now take them from LLVM's libc.
 */
import { type Coordinates, drawRows, drawWords, normalsOf } from './kernels/noise.ts';
import type { InputSpec } from './recipe/recipe.ts';
import { elementCount } from './shape.ts';

/** One number per purpose, so that no two purposes ever share a draw. Declared inputs use `inputs + index`, layers `layers + draw`. */
export const streams = {
  initialWeights: 0x1000,
  permutation: 0x2000,
  fingerprint: 0x3000,
  inputs: 0x4000,
  samples: 0x5000,
  layers: 0x6000,
  initialState: 0x7000,
  audit: 0x10000,
} as const;

/** Words that a sequence draws at a time. */
const sequenceLength = 256;

/** A generator of uint32s for one (seed, stream, a, b): an endless sequence, cheap to create. */
export function sequence(seed: number, stream: number, a: number, b: number): () => number {
  const coordinates = coordinatesOf(seed, stream, a, b);
  const words = new Uint32Array(sequenceLength);
  let drawn = 0;
  let used = sequenceLength;
  return () => {
    if (used === sequenceLength) {
      drawWords(words, coordinates, drawn / 4);
      drawn += sequenceLength;
      used = 0;
    }
    const word = words[used]!;
    used += 1;
    return word;
  };
}

/** Uniform float32 in [0, 1) from `next`, with 24 bits: exact. */
export function uniform(next: () => number): number {
  return (next() >>> 8) * 2 ** -24;
}

/** Independent standard normals in float64, shape [count], from as many words of `next`: an even number. */
export function normals(next: () => number, count: number): Float64Array {
  const words = new Uint32Array(count);
  for (let index = 0; index < count; index += 1) words[index] = next();
  return normalsOf(words);
}

/**
 * Rows of a declared input for batch positions [start, start + count): shape [count, ...spec.shape], row-major.
 * A row depends on (seed, stream, round, position) alone: cutting the batch differently changes nothing.
 */
export function inputRows(spec: InputSpec, seed: number, stream: number, round: number, start: number, count: number): Float32Array {
  const length = elementCount(spec.shape);
  const rows = new Float32Array(count * length);
  drawRows(rows, spec.distribution, length, coordinatesOf(seed, stream, round, start));
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
function coordinatesOf(seed: number, stream: number, a: number, b: number): Coordinates {
  return { key: [seed, Math.floor(seed / 2 ** 32)], counter: [a, b, stream] };
}
