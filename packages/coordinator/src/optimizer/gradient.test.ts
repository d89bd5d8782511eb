import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clipToNorm, isFiniteFlat, squaredNorm } from './gradient.ts';

const finite = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 40 });

test('one NaN or infinity anywhere is found', () => {
  const property = fc.property(finite, fc.nat(), fc.constantFrom(Number.NaN, Infinity, -Infinity), (numbers, at, bad) => {
    const flat = Float32Array.from(numbers);
    assert.equal(isFiniteFlat(flat), true);
    flat[at % flat.length] = bad;
    assert.equal(isFiniteFlat(flat), false);
  });
  fc.assert(property);
  assert.equal(isFiniteFlat(Float32Array.of(Infinity, -Infinity)), false);
  assert.equal(isFiniteFlat(Float32Array.of(3.4028234663852886e38, -3.4028234663852886e38, 2 ** -149, -0)), true);
});

test('the norm neither overflows nor loses denormals', () => {
  assert.equal(squaredNorm(Float32Array.of(3, -4)), 25);
  assert.equal(squaredNorm(Float32Array.of(2 ** 127, 2 ** 127)), 2 ** 255);
  assert.equal(squaredNorm(Float32Array.of(2 ** -149)), 2 ** -298);
});

test('a gradient above the limit is shortened to it, and keeps its direction', () => {
  const property = fc.property(fc.array(fc.float({ min: -1000, max: 1000, noNaN: true }), { minLength: 1 }), (numbers) => {
    const flat = Float32Array.from(numbers);
    const norm = Math.sqrt(squaredNorm(flat));
    const limit = norm / 3;
    fc.pre(norm > 1e-3);
    const scale = Math.fround(limit / norm);
    const expected = flat.map((value) => Math.fround(value * scale));
    assert.equal(clipToNorm(flat, norm, limit), true);
    assert.deepEqual(flat, expected);
    assert.ok(Math.abs(Math.sqrt(squaredNorm(flat)) / limit - 1) < 1e-6);
  });
  fc.assert(property);
});

test('a gradient at or below the limit stays as it is', () => {
  const flat = Float32Array.of(3, 4);
  assert.equal(clipToNorm(flat, 5, 5), false);
  assert.deepEqual([...flat], [3, 4]);
});
