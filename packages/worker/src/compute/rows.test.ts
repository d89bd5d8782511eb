import assert from 'node:assert/strict';
import test from 'node:test';
import { defineRecipe } from '@lockstep/shared';
import { drawInputs, realRows } from './rows.ts';

test('pixel 0 becomes the first number of the range and 255 the second, exactly, for awkward ranges too', () => {
  for (const range of [
    [-1, 1],
    [0, 1],
    [1, 0],
    [-0.1, 0.7],
  ] as const) {
    const rows = realRows({ shape: [1], range }, Uint8Array.of(0, 255));
    assert.deepEqual([...rows], range.map(Math.fround));
  }
});

test('pixels map linearly', () => {
  const pixels = Uint8Array.from({ length: 256 }, (_, pixel) => pixel);
  realRows({ shape: [1], range: [-1, 1] }, pixels).forEach((value, pixel) => assert.ok(Math.abs(value - (pixel / 127.5 - 1)) < 1e-7));
});

test('an input draws the same rows whichever other inputs are asked for, and however the batch is cut', () => {
  const recipe = defineRecipe({
    inputs: { a: { shape: [2], distribution: 'uniform' }, b: { shape: [3], distribution: 'normal' } },
  } as unknown as Parameters<typeof defineRecipe>[0]);
  const draw = { seed: 1, stream: 50, round: 2, start: 0, count: 6 };
  const both = drawInputs(recipe, ['b', 'real', 'a'], draw);
  assert.deepEqual(Object.keys(both), ['a', 'b']);
  assert.deepEqual(drawInputs(recipe, ['b'], draw), { b: both['b'] });
  assert.deepEqual(drawInputs(recipe, ['b'], { ...draw, start: 4, count: 2 }), { b: both['b']!.slice(12) });
  assert.notDeepEqual(drawInputs(recipe, ['a'], { ...draw, round: 3 })['a'], both['a']);
});
