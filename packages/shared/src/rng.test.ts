/** Philox against its published vectors, and what the rest of Lockstep relies on: rows that do not depend on who draws them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { inputRows, normalPair, permutation, philox, sequence, streams, uniform } from './rng.ts';

const seeds = fc.nat({ max: Number.MAX_SAFE_INTEGER });

/** Pearson's statistic against equal expectations: about `bins - 1`, with deviation sqrt(2 * (bins - 1)). */
function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

/** Within five deviations of what uniform counts give. */
function assertEven(counts: readonly number[]): void {
  const freedom = counts.length - 1;
  assert.ok(chiSquare(counts) < freedom + 5 * Math.sqrt(2 * freedom), `counts are not even: ${counts.join(' ')}`);
}

test('philox gives the known answers of Random123', () => {
  const ones = 0xffffffff;
  interface Vector {
    readonly counter: readonly [number, number, number, number];
    readonly key: readonly [number, number];
    readonly words: string;
  }
  const vectors: readonly Vector[] = [
    { counter: [0, 0, 0, 0], key: [0, 0], words: '6627e8d5 e169c58d bc57ac4c 9b00dbd8' },
    { counter: [ones, ones, ones, ones], key: [ones, ones], words: '408f276d 41c83b0e a20bc7c6 6d5451fd' },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      words: 'd16cfe09 94fdcceb 5001e420 24126ea1',
    },
  ];
  for (const { counter, key, words } of vectors) {
    const out = new Uint32Array(4);
    philox(...counter, ...key, out);
    assert.equal(Array.from(out, (word) => word.toString(16).padStart(8, '0')).join(' '), words);
  }
});

test('a sequence is the blocks of its counter, keyed by both words of the seed', () => {
  const seed = 5 * 2 ** 32 + 7;
  const next = sequence(seed, 11, 13, 17);
  for (let counter = 0; counter < 3; counter += 1) {
    const block = new Uint32Array(4);
    philox(counter, 13, 17, 11, 7, 5, block);
    for (const word of block) assert.equal(next(), word);
  }
});

test('uniforms are even, below 1, and exact in float32', () => {
  const next = sequence(1, streams.inputs, 2, 3);
  const counts = Array.from({ length: 64 }, () => 0);
  for (let draw = 0; draw < 64_000; draw += 1) {
    const value = uniform(next);
    assert.ok(value >= 0 && value < 1);
    assert.equal(Math.fround(value), value);
    counts[Math.floor(value * 64)]! += 1;
  }
  assertEven(counts);
});

test('normals have mean 0, deviation 1, no skew, normal tails, and pairs that do not correlate', () => {
  const next = sequence(2, streams.inputs, 0, 0);
  const count = 100_000;
  let [sum, squares, cubes, products, beyondOne, beyondTwo] = [0, 0, 0, 0, 0, 0];
  for (let pair = 0; pair < count / 2; pair += 1) {
    const [first, second] = normalPair(next);
    products += first * second;
    for (const value of [first, second]) {
      sum += value;
      squares += value ** 2;
      cubes += value ** 3;
      if (Math.abs(value) > 1) beyondOne += 1;
      if (Math.abs(value) > 2) beyondTwo += 1;
    }
  }
  const near = (value: number, expected: number, deviation: number): void =>
    assert.ok(Math.abs(value - expected) < 5 * deviation, `${value} is not near ${expected}`);
  near(sum / count, 0, 1 / Math.sqrt(count));
  near(squares / count, 1, Math.sqrt(2 / count));
  near(cubes / count, 0, Math.sqrt(15 / count));
  near(products / (count / 2), 0, 1 / Math.sqrt(count / 2));
  near(beyondOne / count, 0.317311, 0.47 / Math.sqrt(count));
  near(beyondTwo / count, 0.0455, 0.21 / Math.sqrt(count));
});

test('input rows do not depend on how the batch is cut', () => {
  const distributions = fc.constantFrom('normal' as const, 'uniform' as const);
  const property = fc.property(
    seeds,
    fc.nat({ max: 2 ** 31 }),
    fc.integer({ min: 1, max: 7 }),
    distributions,
    fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 6 }),
    fc.nat({ max: 1000 }),
    (seed, round, length, distribution, cuts, start) => {
      const spec = { shape: [length], distribution };
      const whole = inputRows(
        spec,
        seed,
        streams.inputs,
        round,
        start,
        cuts.reduce((sum, cut) => sum + cut, 0),
      );
      let position = start;
      const parts = cuts.flatMap((cut) => {
        const rows = inputRows(spec, seed, streams.inputs, round, position, cut);
        position += cut;
        return [...rows];
      });
      assert.deepEqual([...whole], parts);
    },
  );
  fc.assert(property);
});

test('seed (both words), stream, round and position each change a row', () => {
  const rows = (seed: number, stream: number, round: number, position: number): string =>
    inputRows({ shape: [8], distribution: 'normal' }, seed, stream, round, position, 1).join();
  const drawn = [rows(1, 2, 3, 4), rows(2, 2, 3, 4), rows(1 + 2 ** 32, 2, 3, 4), rows(1, 3, 3, 4), rows(1, 2, 4, 4), rows(1, 2, 3, 5)];
  assert.equal(new Set(drawn).size, drawn.length);
});

test('normal rows have the bits they always had', () => {
  // Pins Math.log, sin and cos too: an engine that computes them otherwise would break the promise between machines, silently.
  const rows = inputRows({ shape: [101], distribution: 'normal' }, 42, streams.inputs, 7, 0, 2000);
  const hash = createHash('sha256').update(new Uint8Array(rows.buffer)).digest('hex');
  assert.equal(hash, 'dac7505a2dee78564a30d54c19edf6ec026167bda84e8dad7546cfe1953290c0');
});

test('a permutation holds every index once', () => {
  const property = fc.property(seeds, fc.nat({ max: 1000 }), fc.nat({ max: 300 }), (seed, epoch, length) => {
    const order = permutation(seed, streams.permutation, epoch, length);
    assert.deepEqual(
      [...order].toSorted((a, b) => a - b),
      Array.from({ length }, (_, index) => index),
    );
  });
  fc.assert(property);
});

test('every order of four is equally likely', () => {
  const counts = new Map<string, number>();
  for (let epoch = 0; epoch < 12_000; epoch += 1) {
    const order = permutation(3, streams.permutation, epoch, 4).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.equal(counts.size, 24);
  assertEven([...counts.values()]);
});

test('purposes have streams far enough apart for 4096 networks or inputs', () => {
  const starts = Object.values(streams).toSorted((a, b) => a - b);
  starts.slice(1).forEach((start, index) => assert.ok(start - starts[index]! >= 0x1000));
});
