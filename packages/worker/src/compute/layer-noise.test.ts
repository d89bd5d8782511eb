import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import type { Apply, Recipe, Tensor, Tf } from '@lockstep/shared';
import { defineRecipe, initialFlat, LockstepError, streams } from '@lockstep/shared';
import type { Backend } from '../backends/backend.ts';
import { type Compute, createCompute } from './compute.ts';

const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as Tf;
await tf.setBackend('cpu');
const cpu: Backend = { name: 'cpu', device: 'cpu', tf, compile: (eager) => eager };
const { layers } = tf;
type Layer = ReturnType<Tf['layers']['dropout']>;

/** One dense layer after the given ones, so that its gradient shows what they made of `z`. */
function recipeWith(
  noisy: (library: Tf) => Layer[],
  loss: (library: Tf, net: Apply, z: Tensor) => Tensor = (library, net, z) => library.mean(net(z)),
  length = 6,
): Recipe {
  return defineRecipe({
    name: 'noisy',
    batchSize: 12,
    epochs: 1,
    real: { shape: [2], range: [0, 1] },
    inputs: { z: { shape: [length], distribution: 'normal' } },
    networks: {
      net: (library) =>
        library.sequential({
          layers: [
            layers.activation({ activation: 'linear', inputShape: [length] }),
            ...noisy(library),
            layers.dense({ name: 'last', units: 2, kernelInitializer: 'ones' }),
          ],
        }),
    },
    phases: [
      {
        name: 'fit',
        updates: 'net',
        inputs: ['z'],
        loss: ({ tf: library, networks, z }) => ({ loss: loss(library, networks.net, z) as never }),
      },
    ],
    optimizers: { net: { kind: 'sgd', learningRate: 1 } },
    generate: ({ networks, z }) => networks.net(z),
  });
}

async function ready(recipe: Recipe, shardCount = 1, batchSize = 12): Promise<Compute> {
  const compute = await createCompute({ backend: cpu, recipe, run: { seed: 5, batchSize, shardCount } });
  for (const [name, manifest] of Object.entries(compute.manifests))
    compute.setWeights(name, 0, initialFlat(manifest, 5, streams.initialWeights));
  return compute;
}

const gradientOf = async (compute: Compute, round = 0, shards = [0]): Promise<Float32Array> =>
  (await compute.gradient({ phase: 0, round, shards, samples: new Uint8Array(0) })).flats[0]!;

const kinds: Record<string, () => Layer> = {
  Dropout: () => layers.dropout({ rate: 0.4 }),
  GaussianNoise: () => layers.gaussianNoise({ stddev: 0.5 }) as unknown as Layer,
  GaussianDropout: () => layers.gaussianDropout({ rate: 0.4 }) as unknown as Layer,
  AlphaDropout: () => layers.alphaDropout({ rate: 0.4 }) as unknown as Layer,
  Inside: () => layers.timeDistributed({ layer: layers.dropout({ rate: 0.4 }) }) as unknown as Layer,
};

for (const [kind, layer] of Object.entries(kinds)) {
  test(`${kind}: noise depends on round and position alone, and generate is free of it`, async () => {
    const reshaped = (library: Tf): Layer[] =>
      kind === 'Inside'
        ? [library.layers.reshape({ targetShape: [3, 2] }) as never, layer(), library.layers.flatten() as never]
        : [layer()];
    const noisy = recipeWith(reshaped);
    const whole = await ready(noisy);
    const first = await gradientOf(whole);
    assert.deepEqual(await gradientOf(whole), first);
    assert.notDeepEqual(await gradientOf(whole, 1), first);
    const plain = await ready(recipeWith(() => []));
    assert.notDeepEqual(await gradientOf(plain), first);
    // The noise of a row does not depend on how the batch is cut, so only the order of additions differs.
    const cut = await gradientOf(await ready(noisy, 5), 0, [0, 1, 2, 3, 4]);
    for (const [index, value] of cut.entries()) assert.ok(Math.abs(value - first[index]!) < 1e-5, `${value} and ${first[index]}`);
    assert.deepEqual(await whole.generate({ pictures: 3 }), await plain.generate({ pictures: 3 }));
    const tensors = whole.tensorCount();
    await gradientOf(whole, 2);
    await whole.fingerprint();
    assert.equal(whole.tensorCount(), tensors);
  });
}

test('a layer called twice in a phase draws twice, and two layers draw differently', async () => {
  const difference = recipeWith(
    () => [layers.dropout({ rate: 0.5 })],
    (library, net, z) => library.mean(library.abs(library.sub(net(z), net(z)))),
  );
  assert.ok((await gradientOf(await ready(difference))).some((value) => value !== 0));
  // Of one draw, the same units would be dropped twice: about a half would stay, not a quarter.
  const counted = recipeWith(
    () => [layers.dropout({ rate: 0.5 }), layers.dropout({ rate: 0.5 })],
    (library, net, z) => library.mean(net(library.onesLike(z))),
    2000,
  );
  const kept = (await gradientOf(await ready(counted))).subarray(0, 4000).reduce((sum, value) => sum + value, 0);
  assert.ok(Math.abs(kept / 2000 - 1) < 0.05, `${kept}`);
});

test('a network given several rows for each position draws for each of them', async () => {
  const doubled = recipeWith(
    () => [layers.dropout({ rate: 0.5 })],
    (library, net, z) => {
      const [left, right] = library.split(net(library.concat([z, z])), 2);
      return library.mean(library.abs(library.sub(left!, right!)));
    },
  );
  assert.ok((await gradientOf(await ready(doubled, 3), 0, [1])).some((value) => value !== 0));
});

/** What the layers make of `input` in training. */
async function made(noisy: Layer | Layer[], input: (library: Tf, z: Tensor) => Tensor): Promise<Float32Array> {
  const length = 5000;
  const recipe = recipeWith(
    () => [noisy].flat(),
    (library, net, z) => library.mean(net(input(library, z))),
    length,
  );
  const compute = await ready(recipe, 1, 1);
  // The gradient of the last layer's kernel is what enters it, over the number of its outputs.
  const flat = await gradientOf(compute);
  return flat
    .subarray(0, 2 * length)
    .filter((_, index) => index % 2 === 0)
    .map((value) => value * 2);
}

const mean = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

test('dropout drops its share of the units and scales the others', async () => {
  const values = await made(layers.dropout({ rate: 0.3 }), (library, z) => library.onesLike(z));
  const dropped = values.filter((value) => value === 0).length / values.length;
  assert.ok(Math.abs(dropped - 0.3) < 0.03, `${dropped}`);
  for (const value of values) assert.ok(value === 0 || Math.abs(value - 1 / 0.7) < 1e-5);
});

test('alpha dropout keeps mean and variance of standard normal inputs, which TF.js gets wrong', async () => {
  const values = await made(layers.alphaDropout({ rate: 0.3 }) as unknown as Layer, (_library, z) => z);
  const variance = mean(values.map((value) => (value - mean(values)) ** 2));
  assert.ok(Math.abs(mean(values)) < 0.06, `mean ${mean(values)}`);
  assert.ok(Math.abs(variance - 1) < 0.08, `variance ${variance}`);
});

test('Gaussian noise and Gaussian dropout have the deviation they were given', async () => {
  const noise = await made(layers.gaussianNoise({ stddev: 0.5 }) as unknown as Layer, (library, z) => library.zerosLike(z));
  assert.ok(Math.abs(Math.sqrt(mean(noise.map((value) => value ** 2))) - 0.5) < 0.03);
  const factors = await made(layers.gaussianDropout({ rate: 0.2 }) as unknown as Layer, (library, z) => library.onesLike(z));
  assert.ok(Math.abs(Math.sqrt(mean(factors.map((value) => (value - 1) ** 2))) - 0.5) < 0.03);
});

test('spatial dropout drops whole channels', async () => {
  const [steps, channels] = [50, 100];
  const stacked = [layers.reshape({ targetShape: [steps, channels] }), layers.spatialDropout1d({ rate: 0.5 }), layers.flatten()];
  const values = await made(stacked as unknown as Layer[], (library, z) => library.onesLike(z));
  const first = values.subarray(0, channels);
  for (let step = 1; step < steps; step += 1) assert.deepEqual(values.subarray(step * channels, (step + 1) * channels), first);
  const dropped = first.filter((value) => value === 0).length;
  assert.ok(dropped > 30 && dropped < 70, `${dropped}`);
});

test('noise that samples would share is refused', async () => {
  const sharing = recipeWith(() => [layers.dropout({ rate: 0.5, noiseShape: [1, 6] })]);
  await assert.rejects(
    async () => (await ready(sharing)).fingerprint(),
    (error) => {
      assert.ok(error instanceof LockstepError);
      assert.equal(error.code, 'recipe-invalid');
      assert.match(error.message, /^Recipe 'noisy', phase 'fit': a layer draws noise of shape \[1, 6\] for 12 samples, .*noiseShape/);
      return true;
    },
  );
});
