/** Flats for tests: every kind of float32, and their comparison bit for bit. */
import fc from 'fast-check';
import { blockLength } from '../module.ts';

/** Bits, with every NaN equal: IEEE 754 leaves its payload open. */
export function bitsOf(flat: Float32Array): Uint32Array {
  const bits = new Uint32Array(flat.slice().buffer);
  flat.forEach((value, index) => {
    if (Number.isNaN(value)) bits[index] = 0x7fc00000;
  });
  return bits;
}

const special = [
  0,
  -0,
  2 ** -149,
  -(2 ** -149),
  2 ** -126,
  1 - 2 ** -24,
  3.4028234663852886e38,
  -3.4028234663852886e38,
  Infinity,
  -Infinity,
  Number.NaN,
];

/** Any float32 by its bits (most are large, tiny, or neither), some of a gradient's size, denormals, and the odd ones. */
export const anyFloat: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }).map((bits) => new Float32Array(Uint32Array.of(bits).buffer)[0]!),
  fc.float({ min: -1, max: 1, noNaN: true }),
  fc.integer({ min: -0xffffff, max: 0xffffff }).map((units) => units * 2 ** -149),
  fc.constantFrom(...special),
);

export const finiteFloat: fc.Arbitrary<number> = anyFloat.filter(Number.isFinite);

/** Around nothing, a lane, a vector, a block, and several blocks. */
export const anyLength: fc.Arbitrary<number> = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 70 }) },
  {
    weight: 1,
    arbitrary: fc
      .record({ blocks: fc.integer({ min: 1, max: 2 }), rest: fc.integer({ min: -9, max: 9 }) })
      .map(({ blocks, rest }) => blocks * blockLength + rest),
  },
);

/**
 * `count` flats of `length` elements that begin at the given offset inside larger arrays, filled from a short list of values, over and over
 * with a different stride each.
 */
export function flatsOf(values: readonly number[], length: number, count: number, offset: number): Float32Array[] {
  return Array.from({ length: count }, (_, which) => {
    const array = Float32Array.from(
      { length: offset + length + 3 },
      (__, index) => values[(index * (2 * which + 1) + which) % values.length]!,
    );
    return array.subarray(offset, offset + length);
  });
}
