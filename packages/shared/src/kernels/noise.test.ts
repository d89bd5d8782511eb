/** Words against Philox's published vectors and a plain loop; normals against what Node 20's Math made of the same words. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Coordinates, drawRows, drawWords, normalsOf } from './noise.ts';
import { philoxReference } from './testing/reference.ts';

const uint32 = fc.integer({ min: 0, max: 0xffffffff });

test('words are the known answers of Random123', () => {
  const ones = 0xffffffff;
  interface Vector extends Coordinates {
    readonly block: number;
    readonly words: string;
  }
  const vectors: readonly Vector[] = [
    { block: 0, counter: [0, 0, 0], key: [0, 0], words: '6627e8d5 e169c58d bc57ac4c 9b00dbd8' },
    { block: ones, counter: [ones, ones, ones], key: [ones, ones], words: '408f276d 41c83b0e a20bc7c6 6d5451fd' },
    {
      block: 0x243f6a88,
      counter: [0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      words: 'd16cfe09 94fdcceb 5001e420 24126ea1',
    },
  ];
  for (const { block, words, ...coordinates } of vectors) {
    const drawn = new Uint32Array(4);
    drawWords(drawn, coordinates, block);
    assert.equal(Array.from(drawn, (word) => word.toString(16).padStart(8, '0')).join(' '), words);
  }
});

test('words are those of the plain loop, from any block and of any length', () => {
  const counter = fc.tuple(uint32, uint32, uint32);
  const property = fc.property(
    counter,
    fc.tuple(uint32, uint32),
    uint32,
    fc.integer({ min: 0, max: 67 }),
    (counter, key, block, length) => {
      const blocks = Array.from({ length: Math.ceil(length / 4) }, (_, index) => philoxReference([block + index, ...counter], key));
      const drawn = new Uint32Array(length);
      drawWords(drawn, { key, counter }, block);
      assert.deepEqual([...drawn], blocks.flat().slice(0, length));
    },
  );
  fc.assert(property);
});

/** All 24-bit numbers in strides, and those up to 40 beside the given fractions of 2^24. */
function numbers(stride: number, fractions: readonly number[]): number[] {
  const strided = Array.from({ length: Math.ceil(2 ** 24 / stride) }, (_, index) => index * stride);
  const beside = fractions.flatMap((fraction) => Array.from({ length: 81 }, (_, index) => fraction * 2 ** 24 + index - 40));
  return [...strided, ...beside.filter((number) => number >= 0 && number < 2 ** 24)];
}

/** The normals of pairs of 24-bit numbers, hashed. A word's other 8 bits do not count. */
function hashOf(pairs: readonly (readonly [number, number])[]): string {
  const hash = createHash('sha256');
  for (let start = 0; start < pairs.length; start += 1000) {
    const words = Uint32Array.from(pairs.slice(start, start + 1000).flat(), (number, index) => number * 256 + (index % 256));
    hash.update(new Uint8Array(normalsOf(words).buffer));
  }
  return hash.digest('hex');
}

// The hashes were made with Math.log, sin and cos of Node 20 (V8 11.3), which all 2^24 arguments of each agreed with.

test('the logarithm has the bits that it always had: all over (0, 1], at powers of two, and where its polynomial changes', () => {
  const powers = Array.from({ length: 25 }, (_, index) => 2 ** -index);
  const changes = [0x16147a, 0x16a09c, 0x16b852].flatMap((mantissa) => powers.map((power) => (mantissa / 2 ** 21) * power));
  // Cosine 1 and sine 0: what is left is the radius.
  const pairs = numbers(151, [...powers, ...changes]).map((number) => [number, 0] as const);
  assert.equal(hashOf(pairs), '96d112f0fdba7d50efa353beb5f19ced8cc0b49483a4ada5837ffdf54cd8295e');
});

test('sine and cosine have the bits that they always had: all around, at multiples of pi / 4, and where the polynomials change', () => {
  const eighths = Array.from({ length: 9 }, (_, index) => index / 8);
  const changes = [0.3, 0.78125].flatMap((x) =>
    [0, 1, 2, 3, 4].flatMap((quarter) => [-1, 1].map((sign) => quarter / 4 + (sign * x) / (2 * Math.PI))),
  );
  // A radius a little above 1, so that no two values close to each other become one.
  const radius = Math.floor(Math.exp(-0.5) * 2 ** 24) - 1;
  const pairs = numbers(149, [...eighths, ...changes.map((turn) => Math.round(turn * 2 ** 24) / 2 ** 24)]).map(
    (number) => [radius, number] as const,
  );
  assert.equal(hashOf(pairs), '8df93d29855167ccca70691a6de494431e5ee04a331374a4f41a617ee0597c39');
});

test('the largest and the smallest radius', () => {
  assert.deepEqual([...normalsOf(Uint32Array.of(0, 0, 0xffffffff, 0))], [5.768107546403532, 0, -0, -0]);
});

test('words and normals do not depend on how many are drawn at a time', () => {
  const coordinates: Coordinates = { key: [1, 2], counter: [3, 4, 5] };
  const words = new Uint32Array(5002);
  drawWords(words, coordinates, 6);
  const parts = Array.from({ length: 1251 }, (_, index) => {
    const part = new Uint32Array(Math.min(4, words.length - 4 * index));
    drawWords(part, coordinates, 6 + index);
    return part;
  });
  assert.deepEqual(
    [...words],
    parts.flatMap((part) => [...part]),
  );
  assert.deepEqual(
    [...normalsOf(words)],
    parts.flatMap((part) => [...normalsOf(part)]),
  );
});

test('rows are cut anywhere: numbers behind a piece, a row or the last row are not touched', () => {
  const coordinates: Coordinates = { key: [3, 4], counter: [5, 0xfffffffe, 6] };
  const lengths = [1, 3, 4, 5, 100, 2047, 2048, 2049, 5001];
  for (const length of lengths) {
    const memory = new Float32Array(4 * length + 8).fill(7);
    drawRows(memory.subarray(4, 4 + 4 * length), 'uniform', length, coordinates);
    const expected = [0xfffffffe, 0xffffffff, 0, 1].flatMap((row) => {
      const blocks = Array.from({ length: Math.ceil(length / 4) }, (_, block) => philoxReference([block, 5, row, 6], [3, 4]));
      return blocks
        .flat()
        .slice(0, length)
        .map((word) => Math.floor(word / 256) / 2 ** 24);
    });
    assert.deepEqual([...memory], [7, 7, 7, 7, ...expected, 7, 7, 7, 7]);
  }
});
