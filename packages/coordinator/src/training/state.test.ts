import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Manifest } from '@lockstep/shared';
import { initialState, moveState } from './state.ts';

const constant = (value: number) => ({ kind: 'constant', value }) as const;
const manifest: Manifest = {
  parameters: [],
  length: 0,
  topology: {},
  state: {
    length: 5,
    parameters: [
      { name: 'norm/moving_mean', shape: [2], offset: 0, initializer: constant(0), momentum: 0.99 },
      { name: 'norm/moving_variance', shape: [2], offset: 2, initializer: constant(1), momentum: 0.9 },
      { name: 'replaced', shape: [1], offset: 4, initializer: constant(7), momentum: 0 },
    ],
  },
};

test('state starts as its initializers say, and moves by its momentum in the stated order', () => {
  const state = initialState(manifest, 1, 0)!;
  assert.deepEqual([...state], [0, 0, 1, 1, 7]);
  const moments = Float32Array.of(0.3, -2, 4, 0.1, 9);
  moveState(state, manifest.state!, moments);
  const f = Math.fround;
  const moved = (before: number, moment: number, momentum: number): number => f(before - f(f(before - f(moment)) * f(1 - momentum)));
  assert.deepEqual([...state], [moved(0, 0.3, 0.99), moved(0, -2, 0.99), moved(1, 4, 0.9), moved(1, 0.1, 0.9), 9]);
  assert.ok(Math.abs(state[2]! - 1.3) < 1e-6, 'a tenth of the way from 1 to 4');
});

test('a network without state has none', () => {
  const { state: _, ...plain } = manifest;
  assert.equal(initialState(plain, 1, 0), undefined);
});
