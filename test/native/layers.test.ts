/** Layers with noise of their own, compiled on the real addon: the same bits as eager ones, and new noise in every round. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineRecipe, initialFlat, type Recipe, streams } from '@lockstep/shared';
import type { Backend } from '../../packages/worker/src/backends/backend.ts';
import { compilePhase } from '../../packages/worker/src/backends/compile/index.ts';
import { type Compute, createCompute } from '../../packages/worker/src/compute/compute.ts';
import { loadNative } from './tensorflow.ts';

const noisy = defineRecipe({
  name: 'noisy',
  batchSize: 10,
  epochs: 1,
  real: { shape: [4], range: [0, 1] },
  inputs: { z: { shape: [5], distribution: 'normal' } },
  networks: {
    net: (tf) =>
      tf.sequential({
        layers: [
          tf.layers.dense({ name: 'first', units: 8, activation: 'tanh', inputShape: [5] }),
          tf.layers.dropout({ rate: 0.25 }),
          tf.layers.gaussianNoise({ stddev: 0.1 }),
          tf.layers.dense({ name: 'second', units: 8, activation: 'selu' }),
          tf.layers.alphaDropout({ rate: 0.25 }),
          tf.layers.gaussianDropout({ rate: 0.25 }),
          tf.layers.reshape({ targetShape: [4, 2] }),
          tf.layers.spatialDropout1d({ rate: 0.25 }),
          tf.layers.flatten(),
          tf.layers.dense({ name: 'last', units: 4 }),
        ],
      }),
  },
  phases: [
    {
      name: 'fit',
      updates: 'net',
      inputs: ['z'],
      loss: ({ tf, networks, z }) => ({ loss: tf.mean(tf.squaredDifference(networks.net(z), networks.net(z))) }),
    },
  ],
  optimizers: { net: { kind: 'sgd', learningRate: 1 } },
  generate: ({ networks, z }) => networks.net(z),
});

async function ready(backend: Backend, recipe: Recipe): Promise<Compute> {
  const compute = await createCompute({ backend, recipe, run: { seed: 5, batchSize: 10, shardCount: 3 } });
  for (const [name, manifest] of Object.entries(compute.manifests))
    compute.setWeights(name, 0, initialFlat(manifest, 5, streams.initialWeights));
  return compute;
}

test('layers that draw noise: compiled equals eager bit for bit, in every round and for both shard sizes', async (context) => {
  const tf = await loadNative(context);
  if (!tf) return;
  const backend = (compile: Backend['compile']): Backend => ({ name: 'tensorflow', device: '', tf, compile });
  const [eager, compiled] = [
    await ready(
      backend((phase) => phase),
      noisy,
    ),
    await ready(
      backend((phase) => compilePhase(tf, phase)),
      noisy,
    ),
  ];
  assert.equal(await compiled.fingerprint(), await eager.fingerprint());
  const seen = new Set<string>();
  for (const round of [0, 1, 2]) {
    const job = { phase: 0, round, shards: [0, 1, 2], samples: new Uint8Array(0) };
    const [wanted, found] = [await eager.gradient(job), await compiled.gradient(job)];
    assert.deepEqual(found, wanted);
    seen.add(Buffer.from(wanted.flats[0]!.buffer).toString('hex'));
  }
  assert.equal(seen.size, 3);
  eager.dispose();
  compiled.dispose();
});
