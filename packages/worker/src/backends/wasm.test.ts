import assert from 'node:assert/strict';
import { it } from 'node:test';
import { loadWasm } from './wasm.ts';

it('wasm starts with SIMD, and leaves the way the process handles errors as it was', async () => {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => process.rawListeners(event));
  const { tf, device } = await loadWasm();
  assert.deepEqual([tf.getBackend(), device], ['wasm', 'wasm (SIMD)']);
  assert.deepEqual(
    events.map((event) => process.rawListeners(event)),
    before,
  );
});

it('wasm can be loaded twice: kernels are repaired once', async () => {
  const first = (await loadWasm()).tf.getKernel('BatchMatMul', 'wasm');
  assert.equal((await loadWasm()).tf.getKernel('BatchMatMul', 'wasm'), first);
});
