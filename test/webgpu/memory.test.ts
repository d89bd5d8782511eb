/** Steps leave the worker's tensors and the GPU's buffers as they were. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadRecipe } from '@lockstep/shared';
import { createCompute } from '../../packages/worker/src/compute/compute.ts';
import { root } from '../e2e/harness.ts';
import { busyWeights, randomPixels, seed } from '../numerics/setup.ts';
import { webgpu } from './adapter.ts';

test('tensors and the bytes of the GPU are constant over ten steps on webgpu, and return to where they were', async (t) => {
  const backend = await webgpu(t);
  if (backend === undefined) return;
  const { tf } = backend;
  const memory = (): string => {
    const { numTensors, numDataBuffers, numBytes, numBytesInGPU } = tf.memory() as ReturnType<typeof tf.memory> & { numBytesInGPU: number };
    return `${numTensors} tensors, ${numDataBuffers} data buffers, ${numBytes} bytes, ${numBytesInGPU} in the GPU`;
  };
  const before = memory();
  const { recipe } = await loadRecipe(join(root, 'test/fixtures/tiny-gan.mjs'));
  const compute = await createCompute({ backend, recipe, run: { seed, batchSize: 4, shardCount: 2 } });
  const flats = Object.entries(compute.manifests).map(([network, manifest], index) => ({ network, flat: busyWeights(manifest, index) }));
  const pixels = randomPixels(2 * 784);
  const seen = new Set<string>();
  for (let step = 0; step < 10; step += 1) {
    for (const { network, flat } of flats) compute.setWeights(network, step, flat);
    await compute.gradient({ phase: 0, round: 2 * step, shards: [1], samples: pixels });
    await compute.gradient({ phase: 1, round: 2 * step + 1, shards: [1], samples: new Uint8Array() });
    seen.add(memory());
  }
  assert.equal(seen.size, 1, [...seen].join('; '));
  compute.dispose();
  assert.equal(memory(), before);
});
