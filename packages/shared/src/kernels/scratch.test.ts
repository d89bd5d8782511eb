/** Sums and norms of flats anywhere: the bits of the plain loops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { atOnce, partLength } from '../parts.ts';
import { sumInto } from '../tensor/sum.ts';
import { createArena } from './arena.ts';
import { blockLength } from './module.ts';
import { checksum as checksumInParts, squaredNorm } from './scratch.ts';
import { anyFloat, anyLength, bitsOf, finiteFloat, flatsOf } from './testing/bits.ts';
import { addIntoReference, squaredNormReference } from './testing/reference.ts';

const someValues = (float: fc.Arbitrary<number>): fc.Arbitrary<number[]> => fc.array(float, { minLength: 1, maxLength: 97 });
const offsets = fc.integer({ min: 0, max: 9 });

test('a sum has the bits of the plain loop, writes nothing but the target, and leaves what lies around it alone', () => {
  const property = fc.property(
    someValues(anyFloat),
    anyLength,
    fc.integer({ min: 1, max: 5 }),
    offsets,
    (values, length, count, offset) => {
      const [target, ...sources] = flatsOf(values, length, count, offset) as [Float32Array, ...Float32Array[]];
      const [expected, ...same] = flatsOf(values, length, count, offset) as [Float32Array, ...Float32Array[]];
      for (const source of same) addIntoReference(expected, source);
      sumInto(target, target, ...sources);
      const whole = (flat: Float32Array): Uint32Array => bitsOf(new Float32Array(flat.buffer));
      assert.deepEqual(whole(target), whole(expected));
      sources.forEach((source, index) => assert.deepEqual(whole(source), whole(same[index]!)));
    },
  );
  fc.assert(property, { numRuns: 1000 });
});

/** Copies of these flats in one arena, each at the beginning of memory that has room for more, with ones behind it. */
function inArena(flats: readonly Float32Array[], room: number): Float32Array[] {
  const allocate = createArena(flats.length, flats[0]!.length + room);
  return flats.map((flat) => {
    const memory = allocate(flat.length + room).fill(1);
    memory.set(flat);
    return memory.subarray(0, flat.length);
  });
}

test('the same in place, in an arena, whichever sources lie elsewhere, and into memory that held something else', () => {
  const property = fc.property(
    someValues(anyFloat),
    anyLength,
    fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
    fc.integer({ min: 0, max: 12 }),
    (values, length, elsewhere, room) => {
      const flats = flatsOf(values, length, elsewhere.length, 0);
      const inside = inArena([...flats, new Float32Array(length).fill(77)], room);
      const anew = inside.pop()!;
      const [first, ...sources] = inside.map((flat, index) => (elsewhere[index] ? flats[index]!.slice() : flat)) as [
        Float32Array,
        ...Float32Array[],
      ];
      const expected = flats[0]!.slice();
      for (const source of flats.slice(1)) addIntoReference(expected, source);
      for (const target of [anew, first]) {
        sumInto(target, first, ...sources);
        assert.deepEqual(bitsOf(target), bitsOf(expected));
        if (target === anew) assert.deepEqual(bitsOf(first), bitsOf(flats[0]!));
        sources.forEach((source, index) => assert.deepEqual(bitsOf(source), bitsOf(flats[index + 1]!)));
      }
      for (const flat of [anew, ...inside])
        assert.ok(new Float32Array(flat.buffer, flat.byteOffset + length * 4, room).every((each) => each === 1));
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test('a squared norm is the same in place', () => {
  const property = fc.property(someValues(anyFloat), anyLength, fc.integer({ min: 0, max: 12 }), (values, length, room) => {
    const [flat] = flatsOf(values, length, 1, 0) as [Float32Array];
    assert.equal(squaredNorm(inArena([flat], room)[0]!), squaredNormReference(flat));
  });
  fc.assert(property, { numRuns: 300 });
});

test('an arena that is full, or too narrow, gives other memory, and flats of both can be added', () => {
  const allocate = createArena(1, 10);
  const flats = [10, 10, 1000, 10].map((length) => allocate(length).fill(1));
  assert.notEqual(flats[0]!.buffer, flats[2]!.buffer);
  sumInto(flats[0]!, flats[0]!, flats[1]!, flats[3]!);
  assert.deepEqual(flats[0], new Float32Array(10).fill(3));
});

test('a squared norm has the bits of the plain loop in eight lanes', () => {
  const property = fc.property(someValues(anyFloat), anyLength, offsets, (values, length, offset) => {
    const [flat] = flatsOf(values, length, 1, offset) as [Float32Array];
    assert.equal(squaredNorm(flat), squaredNormReference(flat));
  });
  fc.assert(property, { numRuns: 1000 });
});

test('flats of more than one part have the same sums and norms, in an arena and outside', () => {
  const length = partLength * 2 + 13;
  const [first, second] = [1, 2].map((step) => Float32Array.from({ length }, (_, index) => Math.sin(index * step))) as [
    Float32Array,
    Float32Array,
  ];
  const norm = squaredNormReference(first);
  const expected = first.slice();
  addIntoReference(expected, second);
  for (const flats of [[first, second], inArena([first, second], 0)] as [Float32Array, Float32Array][]) {
    assert.equal(squaredNorm(flats[0]), norm);
    sumInto(flats[0], ...flats);
    assert.deepEqual(bitsOf(flats[0]), bitsOf(expected));
  }
});

test('the lanes are those of the definition: added in index order or in other lanes, these numbers give another sum', () => {
  const flat = new Float32Array(24);
  flat.set([2 ** 27, 1, 1, 0, 0, 0, 0, 0, 1]);
  // Lane 0: 2^54 + 1 = 2^54. Then 2^54 + 1 = 2^54; plus lane 2: 2^54. A sum of the ones first would have been 2^54 + 4 by rounding.
  assert.equal(squaredNorm(flat), 2 ** 54);
  flat.set([2 ** 27, 0, 1, 1, 1, 1, 1, 1, 0]);
  // (2^54 + 0) + (1 + 1) = 2^54, a tie that goes to even; ((1 + 1) + (1 + 1)) = 4, which counts.
  assert.equal(squaredNorm(flat), 2 ** 54 + 4);
});

test('a squared norm is finite exactly if every element is, wherever the odd one is', () => {
  const property = fc.property(
    someValues(finiteFloat),
    anyLength,
    fc.nat(),
    fc.constantFrom(Number.NaN, Infinity, -Infinity),
    (values, length, at, bad) => {
      fc.pre(length > 0);
      const [flat] = flatsOf(values, length, 1, 0) as [Float32Array];
      assert.ok(Number.isFinite(squaredNorm(flat)));
      flat[at % length] = bad;
      assert.ok(!Number.isFinite(squaredNorm(flat)));
      // Nothing of it is left over for the next flat.
      assert.equal(squaredNorm(Float32Array.of(3, -4)), 25);
    },
  );
  fc.assert(property, { numRuns: 500 });
  assert.ok(!Number.isFinite(squaredNorm(Float32Array.of(Infinity, -Infinity))));
});

test('a squared norm neither overflows nor loses denormals', () => {
  assert.equal(squaredNorm(Float32Array.of(2 ** 127, 2 ** 127)), 2 ** 255);
  assert.equal(squaredNorm(Float32Array.of(2 ** -149)), 2 ** -298);
  assert.equal(squaredNorm(new Float32Array(0)), 0);
});

const checksum = (pieces: readonly Uint8Array[]): number => atOnce(checksumInParts(pieces));

/** As `scratch.ts` and the kernel say it, word by word. */
function checksumReference(bytes: Uint8Array): number {
  const words = new Uint32Array(Math.ceil(bytes.length / 32) * 8);
  new Uint8Array(words.buffer).set(bytes);
  const [a, b] = [new Uint32Array(4), new Uint32Array(4)];
  words.forEach((word, index) => {
    const sum = a[index % 4]!;
    a[index % 4] = ((sum << 5) | (sum >>> 27)) + word;
    b[index % 4]! += a[index % 4]!;
  });
  return [...a, ...b].reduce((folded, word) => {
    const product = Math.imul(folded ^ word, 0x9e3779b1);
    return (product ^ (product >>> 15)) >>> 0;
  }, 0);
}

test('a checksum is that of the bytes, however they are cut and wherever they lie, and no bit of them may change', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 });
  const property = fc.property(bytes, fc.boolean(), fc.array(fc.nat(), { maxLength: 4 }), fc.nat(), (content, isLong, cuts, at) => {
    // Around the length of a block, where blocks are cut.
    const whole = Buffer.concat(isLong ? [Buffer.alloc(blockLength * 4 - 100, 7), content] : [content]);
    const places = [0, ...cuts.map((cut) => cut % whole.length).toSorted((x, y) => x - y), whole.length];
    const pieces = places.slice(1).map((end, index) => whole.subarray(places[index], end));
    const expected = checksumReference(whole);
    assert.equal(checksum(pieces), expected);
    const bit = at % (whole.length * 8);
    whole[bit >> 3]! ^= 1 << (bit & 7);
    assert.notEqual(checksum(pieces), expected);
  });
  fc.assert(property, { numRuns: 300 });
});

test('a checksum notices bytes that change places', () => {
  const words = Uint8Array.from({ length: 64 }, (_, index) => index);
  assert.notEqual(checksum([words.subarray(0, 32), words.subarray(32)]), checksum([words.subarray(32), words.subarray(0, 32)]));
});

test('a checksum notices two changed bits of one place in their words, wherever these are', () => {
  const property = fc.property(fc.nat(31), fc.nat(2000), fc.integer({ min: 1, max: 2000 }), fc.integer(), (bit, first, distance, fill) => {
    const words = new Int32Array(4001).fill(fill);
    const bytes = [new Uint8Array(words.buffer)];
    const before = checksum(bytes);
    for (const index of [first, first + distance]) words[index]! ^= 1 << bit;
    assert.notEqual(checksum(bytes), before);
  });
  fc.assert(property, {
    examples: [
      [31, 0, 8, 0],
      [31, 3, 128, -1],
      [30, 0, 1024, 5],
    ],
    numRuns: 1000,
  });
});

test('a long checksum pauses after each part, while others may use the same memory', () => {
  const whole = Buffer.alloc(partLength * 8 + 4);
  for (let at = 0; at < whole.length; at += 4) whole.writeInt32LE(at * 31, at);
  const expected = checksumReference(whole);
  for (const [bytes, pauses] of [
    [whole.subarray(0, partLength * 4), 0],
    [whole, 2],
  ] as const) {
    const work = checksumInParts([bytes.subarray(0, 12), bytes.subarray(12)]);
    let count = 0;
    let at = work.next();
    for (; at.done !== true; at = work.next()) {
      count += 1;
      squaredNorm(Float32Array.of(1, 2, 3));
    }
    assert.equal(count, pauses);
    if (bytes === whole) assert.equal(at.value, expected);
  }
});
