/** What the rest of Lockstep relies on: rows that do not depend on who draws them, with the distribution that they should have. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { philoxReference } from './kernels/testing/reference.ts';
import { inputRows, normals, permutation, sequence, streams, uniform } from './rng.ts';

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

test('a sequence is the blocks of its counter, keyed by both words of the seed', () => {
  const next = sequence(5 * 2 ** 32 + 7, 11, 13, 17);
  for (let counter = 0; counter < 150; counter += 1) {
    for (const word of philoxReference([counter, 13, 17, 11], [7, 5])) assert.equal(next(), word);
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
    const [first, second] = normals(next, 2) as unknown as [number, number];
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

test('a row is the sequence of its position, whatever its length', () => {
  for (const length of [1, 2, 3, 7, 100, 2049]) {
    const rows = (distribution: 'normal' | 'uniform'): Float32Array => inputRows({ shape: [length], distribution }, 9, 8, 7, 6, 3);
    const [ofNormals, ofUniforms] = [rows('normal'), rows('uniform')];
    for (let row = 0; row < 3; row += 1) {
      const [forNormals, forUniforms] = [sequence(9, 8, 7, 6 + row), sequence(9, 8, 7, 6 + row)];
      const expected = Float32Array.from(normals(forNormals, length + (length % 2))).subarray(0, length);
      assert.deepEqual(ofNormals.subarray(row * length, (row + 1) * length), expected);
      assert.deepEqual(
        ofUniforms.subarray(row * length, (row + 1) * length),
        Float32Array.from({ length }, () => uniform(forUniforms)),
      );
    }
  }
});

test('normal rows have the bits they always had', () => {
  const rows = inputRows({ shape: [101], distribution: 'normal' }, 42, streams.inputs, 7, 0, 2000);
  const hash = createHash('sha256').update(new Uint8Array(rows.buffer)).digest('hex');
  assert.equal(hash, 'dac7505a2dee78564a30d54c19edf6ec026167bda84e8dad7546cfe1953290c0');
});

test('so have rows of all coordinates: words that wrap, odd lengths, rows longer than memory', () => {
  const hash = createHash('sha256');
  const draws = [
    [streams.inputs, 0, 0, 3, 1],
    [streams.inputs + 1, 7, 100, 5, 2],
    [streams.samples, 2 ** 31, 0, 2, 101],
    [streams.inputs, 2 ** 32 - 1, 2 ** 32 - 2, 3, 64],
    [streams.inputs, 1, 5, 2, 20_003],
    [streams.inputs, 3, 0, 0, 7],
    [streams.inputs, 9, 17, 300, 100],
  ] as const;
  for (const distribution of ['normal', 'uniform'] as const) {
    for (const seed of [0, 42, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER]) {
      for (const [stream, round, start, count, length] of draws) {
        hash.update(new Uint8Array(inputRows({ shape: [length], distribution }, seed, stream, round, start, count).buffer));
      }
    }
  }
  assert.equal(hash.digest('hex'), '3dac87f6baa004f660bb3e566882a21d27363fcb4b68892dbe74c7241536dee4');
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
