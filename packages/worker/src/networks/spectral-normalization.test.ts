import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import type { Scalar, Tensor, Tf } from '@lockstep/shared';
import { defineRecipe, initialFlat, inputRows, LockstepError, sequence, streams, sumInto, uniform } from '@lockstep/shared';
import type { Backend } from '../backends/backend.ts';
import { type Compute, createCompute } from '../compute/compute.ts';
import { buildNetworks } from './networks.ts';
import { plainPass } from './pass.ts';

const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as Tf;
await tf.setBackend('cpu');
const cpu: Backend = { name: 'cpu', device: 'cpu', tf, compile: (eager) => eager };

const recipe = defineRecipe({
  name: 'spectral',
  batchSize: 12,
  epochs: 1,
  real: { shape: [4, 4, 1], range: [0, 1] },
  inputs: { z: { shape: [4, 4, 1], distribution: 'normal' } },
  networks: {
    critic: ({ sequential, layers }) =>
      sequential({
        layers: [
          layers.conv2d({ name: 'conv', filters: 3, kernelSize: 2, activation: 'tanh', inputShape: [4, 4, 1] }),
          layers.batchNormalization({ name: 'norm' }),
          layers.flatten(),
          layers.dense({ name: 'score', units: 2 }),
        ],
      }),
  },
  phases: [
    {
      name: 'fit',
      updates: 'critic',
      inputs: ['z'],
      // Called twice, as for real and for generated samples.
      loss: ({ tf: library, networks, z }) => ({
        loss: library.mean(library.mul(library.square(networks.critic(z)), library.add(networks.critic(library.neg(z)), 2))),
      }),
    },
  ],
  optimizers: { critic: { kind: 'sgd', learningRate: 1 } },
  spectralNormalization: ['critic'],
  generate: ({ networks, z, tf: library }) => library.tile(library.mean(networks.critic(z), 1, true).reshape([-1, 1, 1, 1]), [1, 4, 4, 1]),
});

const { critic } = buildNetworks(tf, recipe);
const { manifest } = critic!;
const weights = initialFlat(manifest, 3, streams.initialWeights);
const state = initialFlat(manifest.state!, 3, streams.initialState);

test('the vectors are state, after the moving averages, and a commit replaces them', () => {
  assert.deepEqual(
    manifest.state!.parameters.map(({ name, shape, offset, momentum, normalizes }) => [name, shape, offset, momentum, normalizes]),
    [
      ['norm/moving_mean', [3], 0, 0.99, undefined],
      ['norm/moving_variance', [3], 3, 0.99, undefined],
      ['conv/kernel/u', [3], 6, 0, 'conv/kernel'],
      ['score/kernel/u', [2], 9, 0, 'score/kernel'],
    ],
  );
});

/** Largest singular value, by a power iteration long enough. */
function largest(matrix: Tensor): number {
  const product = tf.matMul(matrix, matrix, true, false);
  let vector: Tensor = tf.ones([product.shape[1]!, 1]);
  for (let index = 0; index < 300; index += 1) vector = tf.div((vector = tf.matMul(product, vector)), tf.norm(vector));
  return Math.sqrt(tf.norm(tf.matMul(product, vector)).dataSync()[0]!);
}

test('after some updates of the vectors, kernels in use have the largest singular value 1, whatever their weights', () => {
  const next = sequence(1, 2, 3, 4);
  const wild = weights.map(() => 6 * uniform(next) - 3);
  let vectors = state.slice(6);
  const reported: Tensor[] = [];
  for (let step = 0; step < 200; step += 1) {
    reported.length = 0;
    const all = [...critic!.split(wild), ...critic!.splitState(Float32Array.of(...state.subarray(0, 6), ...vectors))];
    critic!.withWeights(all, { ...plainPass, moment: (_, value) => void reported.push(tf.keep(value.flatten())) });
    vectors = Float32Array.from(reported.flatMap((vector) => [...vector.dataSync()]));
  }
  for (const [index, name] of (['conv/kernel', 'score/kernel'] as const).entries()) {
    const { offset, shape } = manifest.parameters.find((parameter) => parameter.name === name)!;
    const length = shape.reduce((product, size) => product * size, 1);
    const kernel = tf.tensor(wild.subarray(offset, offset + length), [length / shape.at(-1)!, shape.at(-1)!]);
    const u = tf.tensor(index === 0 ? vectors.subarray(0, 3) : vectors.subarray(3), [shape.at(-1)!, 1]);
    const sigma = tf.norm(tf.matMul(kernel, u)).dataSync()[0]!;
    assert.ok(Math.abs(sigma / largest(kernel) - 1) < 1e-4, `${name}: ${sigma}, not ${largest(kernel)}`);
  }
});

async function ready(shardCount: number): Promise<Compute> {
  const compute = await createCompute({ backend: cpu, recipe, run: { seed: 1, batchSize: 12, shardCount } });
  compute.setWeights('critic', 0, weights, state);
  return compute;
}

const answer = async (compute: Compute, shards: readonly number[]): Promise<Float32Array> =>
  (await compute.gradient({ phase: 0, round: 0, shards, samples: new Uint8Array(0) })).flats[0]!;

test('the gradient is that of dividing by sigma with constant vectors', async () => {
  const found = await answer(await ready(1), [0]);
  // A network without the division, given kernels that are divided by operations that TF.js differentiates.
  const { spectralNormalization: _, ...plain } = recipe;
  const { critic: bare } = buildNetworks(tf, plain);
  const tensors = bare!.split(weights);
  const averages = bare!.splitState(state.subarray(0, 6));
  const vectors = manifest.state!.parameters.slice(2).map(({ normalizes, offset, shape }) => {
    const at = manifest.parameters.findIndex(({ name }) => name === normalizes);
    const matrix = tensors[at]!.reshape([-1, shape[0]!]);
    const u = tf.tensor(state.subarray(offset, offset + shape[0]!), [shape[0]!, 1]);
    const product = tf.matMul(matrix, u);
    const v = tf.div(product, tf.norm(product));
    const image = tf.matMul(matrix, v, true, false);
    return { at, v, next: tf.div(image, tf.norm(image)) };
  });
  const z = tf.tensor([...inputs()], [12, 4, 4, 1]);
  const loss = (...parameters: Tensor[]): Scalar => {
    const used = parameters.slice();
    for (const { at, v, next } of vectors) {
      const kernel = parameters[at]!;
      const sigma = tf.sum(tf.mul(tf.matMul(kernel.reshape([-1, next.shape[0]]), v, true, false), next));
      used[at] = tf.div(kernel, sigma);
    }
    const apply = bare!.withWeights([...used, ...averages], plainPass);
    return tf.mean(tf.mul(tf.square(apply(z)), tf.add(apply(tf.neg(z)), 2)));
  };
  const wanted = tf
    .grads(loss)(tensors)
    .flatMap((gradient) => [...gradient.dataSync()]);
  for (const [index, value] of wanted.entries())
    assert.ok(Math.abs(value - found[index]!) < 1e-4, `${index}: ${found[index]}, not ${value}`);
  const reported = found.subarray(manifest.length + 6);
  const expected = vectors.flatMap(({ next }) => [...next.dataSync()]);
  for (const [index, value] of expected.entries()) assert.ok(Math.abs(value - reported[index]!) < 1e-5);
});

/** What the phase is given as z. */
function inputs(): Float32Array {
  return inputRows({ shape: [4, 4, 1], distribution: 'normal' }, 1, streams.inputs, 0, 0, 12);
}

test('every shard reports the same vectors, since they depend on weights alone', async () => {
  const compute = await ready(4);
  const alone = await Promise.all([0, 1, 2, 3].map(async (shard) => (await answer(await ready(4), [shard])).subarray(manifest.length + 6)));
  for (const each of alone) assert.deepEqual(each, alone[0]);
  const sum = new Float32Array(alone[0]!.length);
  sumInto(sum, alone[0]!, alone[1]!, alone[2]!, alone[3]!);
  const whole = (await answer(compute, [0, 1, 2, 3])).subarray(manifest.length + 6);
  for (const [index, value] of whole.entries()) assert.ok(Math.abs(value - sum[index]!) < 1e-6);
  const tensors = compute.tensorCount();
  await answer(compute, [2]);
  await compute.generate({ pictures: 2 });
  assert.equal(compute.tensorCount(), tensors);
});

test('a network without kernels is refused', () => {
  const bias = {
    ...recipe,
    networks: {
      critic: (library: Tf) => library.sequential({ layers: [library.layers.batchNormalization({ name: 'norm', inputShape: [2] })] }),
    },
  };
  assert.throws(
    () => buildNetworks(tf, bias),
    (error) => error instanceof LockstepError && error.code === 'recipe-invalid' && /network 'critic' has no kernel/.test(error.message),
  );
});
