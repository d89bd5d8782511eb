import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Manifest } from '@lockstep/shared';
import { effectiveWeights } from './spectral.ts';

const initializer = { kind: 'constant', value: 0 } as const;
const manifest: Manifest = {
  parameters: [
    { name: 'score/kernel', shape: [3, 2], offset: 0, initializer },
    { name: 'score/bias', shape: [2], offset: 6, initializer },
  ],
  length: 8,
  topology: {},
  state: {
    parameters: [{ name: 'score/kernel/u', shape: [2], offset: 0, initializer, momentum: 0, normalizes: 'score/kernel' }],
    length: 2,
  },
};

test('kernels are divided by their largest singular value, everything else stays, and the weights are not changed', () => {
  const weights = Float32Array.of(0, 4, 0, 0, 0.5, 0, 7, 8);
  const before = weights.slice();
  // The singular values are 4 and 0.5, with the unit vectors on the right.
  assert.deepEqual([...effectiveWeights(manifest, weights, Float32Array.of(0, 1))], [0, 1, 0, 0, 0.125, 0, 7, 8]);
  assert.deepEqual(weights, before);
});

test('without spectral normalization the weights themselves are used', () => {
  const { state: _, ...plain } = manifest;
  const weights = new Float32Array(8);
  assert.equal(effectiveWeights(plain, weights, undefined), weights);
});
