import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import type { Apply, LayersModel, Recipe, Tensor, Tf } from '@lockstep/shared';
import { answerLength, defineRecipe, initialFlat, inputRows, streams } from '@lockstep/shared';
import type { Backend } from '../backends/backend.ts';
import { type Compute, createCompute } from './compute.ts';

const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as Tf;
await tf.setBackend('cpu');
const cpu: Backend = { name: 'cpu', device: 'cpu', tf, compile: (eager) => eager };
const seed = 5;

/** Dense and convolutional batch normalization. */
function build(library: Tf): LayersModel {
  const { layers } = library;
  return library.sequential({
    layers: [
      layers.dense({ name: 'first', units: 12, inputShape: [4] }),
      layers.batchNormalization({ name: 'flat', momentum: 0.5, gammaInitializer: 'randomUniform', betaInitializer: 'randomUniform' }),
      layers.reshape({ targetShape: [2, 3, 2] }),
      layers.conv2d({ name: 'conv', filters: 3, kernelSize: 2, padding: 'same', activation: 'tanh' }),
      layers.batchNormalization({ name: 'channels' }),
      layers.batchNormalization({ name: 'again', epsilon: 0.1 }),
      layers.flatten(),
      layers.dense({ name: 'last', units: 1 }),
    ],
  });
}

type Loss = (library: Tf, net: Apply, z: Tensor) => Tensor;
const once: Loss = (library, net, z) => library.mean(library.square(net(z)));

function recipeOf(loss: Loss, builder = build): Recipe {
  return defineRecipe({
    name: 'normal',
    batchSize: 12,
    epochs: 1,
    real: { shape: [1], range: [0, 1] },
    inputs: { z: { shape: [4], distribution: 'normal' } },
    networks: {
      net: builder,
      other: (library) => library.sequential({ layers: [library.layers.dense({ name: 'end', units: 1, inputShape: [1] })] }),
    },
    phases: [
      {
        name: 'fit',
        updates: 'net',
        inputs: ['z'],
        loss: ({ tf: library, networks, z }) => ({ loss: loss(library, networks.net, z) as never }),
      },
      {
        name: 'other',
        updates: 'other',
        inputs: ['z'],
        loss: ({ tf: library, networks, z }) => ({ loss: library.mean(library.square(networks.other(networks.net(z)))) }),
      },
    ],
    optimizers: { net: { kind: 'sgd', learningRate: 1 }, other: { kind: 'sgd', learningRate: 1 } },
    generate: ({ networks, z }) => networks.net(z),
  });
}

async function ready(recipe: Recipe, shardCount = 1): Promise<Compute> {
  const compute = await createCompute({ backend: cpu, recipe, run: { seed, batchSize: 12, shardCount } });
  for (const [name, manifest] of Object.entries(compute.manifests)) {
    const state = manifest.state && initialFlat(manifest.state, seed, streams.initialState);
    compute.setWeights(name, 0, initialFlat(manifest, seed, streams.initialWeights), state);
  }
  return compute;
}

const answer = async (compute: Compute, phase = 0, shards = [0]): Promise<Float32Array> =>
  (await compute.gradient({ phase, round: 0, shards, samples: new Uint8Array(0) })).flats[0]!;

function assertClose(found: Float32Array, wanted: Float32Array, tolerance = 1e-5): void {
  assert.equal(found.length, wanted.length);
  const scale = wanted.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-2);
  for (const [index, value] of found.entries())
    assert.ok(Math.abs(value - wanted[index]!) < tolerance * scale, `${index}: ${value}, not ${wanted[index]}`);
}

/** The same model with the same weights, run by TF.js alone. */
function reference(compute: Compute): { model: LayersModel; z: Tensor } {
  const model = build(tf);
  const { manifest, flat } = {
    manifest: compute.manifests['net']!,
    flat: initialFlat(compute.manifests['net']!, seed, streams.initialWeights),
  };
  for (const variable of model.trainableWeights) {
    const { offset, shape } = manifest.parameters.find(({ name }) => name === variable.originalName)!;
    variable.write(tf.tensor(flat.subarray(offset, offset + shape.reduce((a, b) => a * b, 1)), [...shape]));
  }
  return { model, z: tf.tensor(inputRows({ shape: [4], distribution: 'normal' }, seed, streams.inputs, 0, 0, 12), [12, 4]) };
}

test('gradients and moments are those of TF.js, and inference uses the state', async () => {
  const compute = await ready(recipeOf(once));
  const manifest = compute.manifests['net']!;
  assert.deepEqual(
    manifest.state!.parameters.map(({ name, shape, momentum }) => [name, ...shape, momentum]),
    [
      ['flat/moving_mean', 12, 0.5],
      ['flat/moving_variance', 12, 0.5],
      ['channels/moving_mean', 3, 0.99],
      ['channels/moving_variance', 3, 0.99],
      ['again/moving_mean', 3, 0.99],
      ['again/moving_variance', 3, 0.99],
    ],
  );
  const { model, z } = reference(compute);
  const { grads } = tf.variableGrads(() => tf.mean(tf.square(model.apply(z, { training: true }) as Tensor)));
  const wanted = manifest.parameters.flatMap(({ name }) => [
    ...grads[model.trainableWeights.find(({ originalName }) => originalName === name)!.name]!.dataSync(),
  ]);
  const found = await answer(compute);
  assert.equal(found.length, answerLength([manifest]));
  assertClose(found.subarray(0, manifest.length), Float32Array.from(wanted), 1e-4);
  // TF.js moved its averages from their start: from that, the moments.
  for (const { name, offset, momentum, initializer, shape } of manifest.state!.parameters) {
    const moved = model.weights
      .find(({ originalName }) => originalName === name)!
      .read()
      .dataSync();
    const start = initializer.kind === 'constant' ? initializer.value : NaN;
    const moment = Float32Array.from(moved, (value) => start + (value - start) / (1 - momentum));
    assertClose(found.subarray(manifest.length + offset, manifest.length + offset + shape[0]!), moment, 1e-3);
  }
  const state = Float32Array.from({ length: manifest.state!.length }, (_, index) => 1 + index / 10);
  compute.setWeights('net', 1, initialFlat(manifest, seed, streams.initialWeights), state);
  for (const { name, offset, shape } of manifest.state!.parameters) {
    model.weights.find(({ originalName }) => originalName === name)!.write(tf.tensor(state.subarray(offset, offset + shape[0]!)));
  }
  const pictures = inputRows({ shape: [4], distribution: 'normal' }, seed, streams.samples, 0, 0, 7);
  assertClose(await compute.generate({ pictures: 7 }), (model.predict(tf.tensor(pictures, [7, 4])) as Tensor).dataSync<'float32'>());
});

test('a layer that is called twice gives the mean of its calls', async () => {
  const [left, right, both] = await Promise.all(
    [
      once,
      ((library, net, z) => once(library, net, library.mul(z, 3))) as Loss,
      ((library, net, z) => library.add(once(library, net, z), once(library, net, library.mul(z, 3)))) as Loss,
    ].map(async (loss) => answer(await ready(recipeOf(loss)))),
  );
  const { length } = (await ready(recipeOf(once))).manifests['net']!;
  assertClose(
    both!.subarray(length),
    left!.subarray(length).map((value, index) => (value + right![length + index]!) / 2),
    1e-5,
  );
});

test('moments are weighted by the samples of the shard, and statistics are those of a shard', async () => {
  const [whole, cut] = [await ready(recipeOf(once)), await ready(recipeOf(once), 5)];
  const { length } = whole.manifests['net']!;
  const [one, five] = [await answer(whole), await answer(cut, 0, [0, 1, 2, 3, 4])];
  // Means add up to that of the batch; variances of shards do not, and the gradient differs with them.
  assertClose(five.subarray(length, length + 12), one.subarray(length, length + 12), 1e-5);
  assert.notDeepEqual(five.subarray(length + 12, length + 24), one.subarray(length + 12, length + 24));
});

test('a phase that does not update the network tells nothing of its state', async () => {
  const compute = await ready(recipeOf(once));
  assert.equal((await answer(compute, 1)).length, compute.manifests['other']!.length);
  const tensors = compute.tensorCount();
  await answer(compute);
  await compute.fingerprint();
  assert.equal(compute.tensorCount(), tensors);
});

test('over another axis than the last, whose gradient TF.js lacks: as between two permutations', async () => {
  const over =
    (axis: number) =>
    (library: Tf): LayersModel => {
      const { layers } = library;
      const norm = layers.batchNormalization({ name: 'norm', axis, gammaInitializer: 'randomUniform' });
      const swap = (): typeof norm => layers.permute({ dims: [2, 1] }) as unknown as typeof norm;
      return library.sequential({
        layers: [
          layers.dense({ name: 'first', units: 6, inputShape: [4] }),
          layers.reshape({ targetShape: [2, 3] }),
          ...(axis === 1 ? [norm] : [swap(), norm, swap()]),
          layers.flatten(),
          layers.dense({ name: 'last', units: 1 }),
        ],
      });
    };
  const [found, wanted] = await Promise.all([1, 2].map(async (axis) => answer(await ready(recipeOf(once, over(axis))))));
  assertClose(found!, wanted!);
});

test('layers without gamma and beta, which TF.js cannot train', async () => {
  const bare = (library: Tf): LayersModel =>
    library.sequential({
      layers: [
        library.layers.dense({ name: 'first', units: 3, inputShape: [4] }),
        library.layers.batchNormalization({ name: 'bare', center: false, scale: false }),
        library.layers.dense({ name: 'last', units: 1 }),
      ],
    });
  const compute = await ready(recipeOf(once, bare));
  assert.ok((await answer(compute)).every(Number.isFinite));
});
