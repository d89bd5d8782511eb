/** Two hundred steps of the real networks leave the worker's tensors and their bytes as they were. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { builtInRecipe } from '@lockstep/shared';
import { busyWeights, randomPixels, readyCompute, wasm } from './setup.ts';

test('numTensors and numBytes are constant over 200 steps on wasm, and return to where they were', async () => {
  const { tf } = await wasm();
  const before = tf.memory();
  const compute = await readyCompute(builtInRecipe('gan'), 4, 2);
  const pixels = randomPixels(2 * 784);
  const flats = Object.entries(compute.manifests).map(([network, manifest], index) => ({ network, flat: busyWeights(manifest, index) }));
  const seen = new Set<string>();
  for (let step = 0; step < 200; step += 1) {
    await compute.gradient({ phase: 0, round: 2 * step, shards: [1], samples: pixels });
    await compute.gradient({ phase: 1, round: 2 * step + 1, shards: [1], samples: new Uint8Array() });
    for (const { network, flat } of flats) compute.setWeights(network, step + 1, flat);
    const { numTensors, numBytes } = tf.memory();
    assert.equal(compute.tensorCount(), numTensors);
    seen.add(`${numTensors} tensors, ${numBytes} bytes`);
  }
  assert.equal(seen.size, 1, [...seen].join('; '));
  compute.dispose();
  assert.equal(tf.memory().numTensors, before.numTensors);
  assert.equal(tf.memory().numBytes, before.numBytes);
});
