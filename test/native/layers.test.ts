/** Layers with noise and with state, compiled on the real addon: what eager ones compute, and new noise in every round. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { answerLength, defineRecipe, initialFlat, loadRecipe, type Recipe, streams, type Tf } from '@lockstep/shared';
import { dcgan } from '../../packages/shared/src/recipe/built-in/dcgan.ts';
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
  for (const [name, manifest] of Object.entries(compute.manifests)) {
    const state = manifest.state && initialFlat(manifest.state, 5, streams.initialState);
    compute.setWeights(name, 0, initialFlat(manifest, 5, streams.initialWeights), state);
  }
  return compute;
}

/** Both ways to run the recipe. */
async function pair(tf: Tf, recipe: Recipe): Promise<[eager: Compute, compiled: Compute]> {
  const backend = (compile: Backend['compile']): Backend => ({ name: 'tensorflow', device: '', tf, compile });
  const eager = await ready(
    backend((phase) => phase),
    recipe,
  );
  const compiled = await ready(
    backend((phase) => compilePhase(tf, phase)),
    recipe,
  );
  return [eager, compiled];
}

test('layers that draw noise: compiled equals eager bit for bit, in every round and for both shard sizes', async (context) => {
  const tf = await loadNative(context);
  if (!tf) return;
  const [eager, compiled] = await pair(tf, noisy);
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

const withState: Readonly<Record<string, () => Promise<Recipe>>> = {
  'batch normalization, called for real and for generated samples': async () =>
    (await loadRecipe(fileURLToPath(new URL('../fixtures/layers.mjs', import.meta.url)))).recipe,
  'dcgan, narrow': async () => dcgan({ name: 'dcgan', width: 4, batchSize: 10, epochs: 1 }),
};

for (const [name, load] of Object.entries(withState)) {
  test(`${name}: compiled equals eager within 1e-6 of the norm, moments included`, async (context) => {
    const tf = await loadNative(context);
    if (!tf) return;
    const recipe = await load();
    const [eager, compiled] = await pair(tf, recipe);
    const samples = Uint8Array.from({ length: 10 * 784 }, (_, index) => (index * 31) % 256);
    for (const [phase, { updates, inputs }] of recipe.phases.entries()) {
      const job = { phase, round: phase, shards: [0, 1, 2], samples: inputs.includes('real') ? samples : new Uint8Array(0) };
      const [wanted, found] = [await eager.gradient(job), await compiled.gradient(job)];
      const manifest = eager.manifests[updates as string]!;
      assert.equal(wanted.flats[0]!.length, answerLength([manifest]));
      assertClose(found.flats[0]!, wanted.flats[0]!);
      if (manifest.state !== undefined) assertClose(found.flats[0]!.subarray(manifest.length), wanted.flats[0]!.subarray(manifest.length));
    }
    assert.deepEqual(await compiled.generate({ pictures: 4 }), await eager.generate({ pictures: 4 }));
    eager.dispose();
    compiled.dispose();
  });
}

/** TensorFlow reorders some arithmetic of a graph. */
function assertClose(found: Float32Array, wanted: Float32Array): void {
  const norm = (values: Float32Array): number => Math.hypot(...values);
  const difference = norm(found.map((value, index) => value - wanted[index]!)) / norm(wanted);
  assert.ok(difference <= 1e-6, `they differ by ${difference} of the norm`);
}
