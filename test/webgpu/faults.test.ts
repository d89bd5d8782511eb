/** Errors of the GPU reach the user as a sentence, and never pass for results. Each test breaks a device of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LockstepError, type Tf } from '@lockstep/shared';
import { webgpu } from './adapter.ts';

interface RawDevice {
  createBuffer(descriptor: object): unknown;
  destroy(): void;
}

const failed = (pattern: RegExp) => (error: unknown) =>
  error instanceof LockstepError && error.code === 'compute-failed' && pattern.test(error.message);
const deviceOf = (tf: Tf): RawDevice => (tf.backend() as unknown as { device: RawDevice }).device;
const product = (tf: Tf): Promise<unknown> => tf.tidy(() => tf.matMul(tf.ones([2, 2]), tf.ones([2, 2]))).data();

// A buffer without a use is an error, and a refused allocation looks just like it: said beside the call, not by it.
const spoilings: Record<string, { spoil: (device: RawDevice) => void; sentence: RegExp }> = {
  'an error of the GPU': {
    spoil: (device) => void device.createBuffer({ size: 16, usage: 0 }),
    sentence: /^The GPU failed \(.+\): Buffer usages must not be 0/,
  },
  'the loss of the device': { spoil: (device) => device.destroy(), sentence: /^The GPU was lost \(.+\): .*destroyed/ },
};

for (const [name, { spoil, sentence }] of Object.entries(spoilings)) {
  test(`${name} fails the current read and everything after it`, async (t) => {
    const backend = await webgpu(t);
    if (backend === undefined) return;
    await product(backend.tf);
    const reading = product(backend.tf);
    spoil(deviceOf(backend.tf));
    await assert.rejects(reading, failed(sentence));
    const phase = backend.compile(() => assert.fail('runs on a device that has failed'));
    assert.throws(() => phase({ weights: {}, inputs: {} }), failed(sentence));
  });
}

test('reading synchronously is an error of the recipe', async (t) => {
  const backend = await webgpu(t);
  if (backend === undefined) return;
  const { tf } = backend;
  assert.throws(
    () => tf.tidy(() => tf.add(tf.ones([2]), 1).dataSync()),
    (error) => error instanceof LockstepError && error.code === 'recipe-invalid' && error.message.includes('dataSync'),
  );
});
