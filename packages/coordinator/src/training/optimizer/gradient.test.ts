import assert from 'node:assert/strict';
import { test } from 'node:test';
import { squaredNorm } from '@lockstep/shared';
import fc from 'fast-check';
import { clipScale } from './gradient.ts';

test('a gradient above the limit is shortened to it by a float32 factor', () => {
  const property = fc.property(fc.array(fc.float({ min: -1000, max: 1000, noNaN: true }), { minLength: 1 }), (numbers) => {
    const flat = Float32Array.from(numbers);
    const norm = Math.sqrt(squaredNorm(flat));
    const limit = norm / 3;
    fc.pre(norm > 1e-3);
    const scale = clipScale(norm, limit);
    assert.equal(scale, Math.fround(limit / norm));
    assert.ok(Math.abs(Math.sqrt(squaredNorm(flat.map((value) => value * scale))) / limit - 1) < 1e-6);
  });
  fc.assert(property);
});

test('a gradient at or below the limit, or without a limit, stays as it is', () => {
  for (const limit of [5, 6, undefined]) assert.equal(clipScale(5, limit), 1);
});
