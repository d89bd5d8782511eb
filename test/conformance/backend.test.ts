/** The embedded default. Never skipped. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { loadBackend } from '../../packages/worker/src/backends/index.ts';
import { conformance } from './suite.ts';

await conformance('wasm');

it('wasm loads on every machine', async () => {
  assert.equal((await loadBackend('wasm', undefined)).backend.device, 'wasm (SIMD)');
});
