import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import type { Tensor, Tf } from '@lockstep/shared';
import { isAutomaticName, topologyOf } from './topology.ts';

const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as Tf;
await tf.setBackend('cpu');

test('names that TF.js makes are distinguished from those that people choose', () => {
  const made: [name: string, className: string][] = [];
  const note = (layer: { name: string; getClassName(): string }): void => void made.push([layer.name, layer.getClassName()]);
  const input = tf.input({ shape: [2] });
  note(tf.layers.dense({ units: 1 }));
  note(tf.layers.leakyReLU());
  note(tf.layers.conv2dTranspose({ filters: 1, kernelSize: 1 }));
  note(tf.sequential());
  const model = tf.model({ inputs: input, outputs: tf.layers.reLU().apply(input) as typeof input });
  note(model);
  model.layers.forEach(note);
  assert.equal(made.length, 7);
  for (const [name, className] of made) assert.ok(isAutomaticName(name, className), `${name} (${className})`);
  for (const name of ['hidden1', 'dense1', 'output', 'Dense', 'dense_1']) assert.ok(!isAutomaticName(name, 'Dense'), name);
});

test('automatic names are renumbered wherever they are referred to, and never collide with a chosen name', () => {
  const build = (): Record<string, unknown> => {
    const input = tf.input({ shape: [2] });
    const first = tf.layers.leakyReLU().apply(input);
    const taken = tf.layers.dense({ units: 2, name: 'input1' }).apply(first);
    const nested = tf
      .sequential({ layers: [tf.layers.dense({ units: 3, name: 'inner', inputShape: [2] }), tf.layers.reLU()] })
      .apply(taken);
    return topologyOf(tf.model({ inputs: input, outputs: tf.layers.add().apply([nested, nested] as (typeof input)[]) as typeof input }));
  };
  const topology = build();
  assert.deepEqual(build(), topology);
  const text = JSON.stringify(topology);
  for (const name of ['input2', 'leaky_re_lu_LeakyReLU1', 'sequential_1', 're_lu_ReLU1', 'add_Add1', 'model1'])
    assert.match(text, new RegExp(`"${name}"`));
  for (const name of ['inner', 'input1']) assert.match(text, new RegExp(`"${name}"`), 'names that people chose stay');
});

test('a renumbered topology still loads', async () => {
  const input = tf.input({ shape: [2] });
  const hidden = tf.layers.leakyReLU().apply(tf.layers.dense({ units: 3, name: 'hidden' }).apply(input));
  const model = tf.model({ inputs: input, outputs: tf.layers.dense({ units: 1, name: 'end' }).apply(hidden) as typeof input });
  const weights = model.weights.map((weight) => ({
    name: weight.originalName,
    shape: weight.shape as number[],
    dtype: 'float32' as const,
  }));
  const loaded = await tf.loadLayersModel(
    tf.io.fromMemory({
      modelTopology: topologyOf(model),
      weightSpecs: weights,
      weightData: new Float32Array(3 * 2 + 3 + 3 + 1).fill(0.5).buffer,
    }),
  );
  assert.deepEqual([...(loaded.predict(tf.ones([1, 2])) as Tensor).dataSync()], [2.75]);
});
