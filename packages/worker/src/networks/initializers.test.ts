import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import type { Parameter, Recipe, Tf } from '@lockstep/shared';
import { initialFlat } from '@lockstep/shared';
import type { LayerInitializer } from './initializers.ts';
import { initializerFor } from './initializers.ts';
import { buildNetworks } from './networks.ts';

const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as Tf;
await tf.setBackend('cpu');

/** Shapes whose fans are computed in different ways: vector, dense, conv1d, conv2d, conv3d. */
const shapes = [[40], [30, 50], [3, 20, 25], [3, 4, 10, 15], [2, 3, 2, 10, 12]];
const initializers: Record<string, unknown> = {
  zeros: tf.initializers.zeros(),
  ones: tf.initializers.ones(),
  constant: tf.initializers.constant({ value: -0.25 }),
  randomUniform: tf.initializers.randomUniform({ minval: -0.2, maxval: 0.7, seed: 1 }),
  randomNormal: tf.initializers.randomNormal({ mean: 0.5, stddev: 0.1, seed: 1 }),
  truncatedNormal: tf.initializers.truncatedNormal({ mean: -1, stddev: 0.3, seed: 1 }),
  varianceScaling: tf.initializers.varianceScaling({ scale: 3, mode: 'fanOut', distribution: 'uniform', seed: 1 }),
  glorotNormal: tf.initializers.glorotNormal({ seed: 1 }),
  glorotUniform: tf.initializers.glorotUniform({ seed: 1 }),
  heNormal: tf.initializers.heNormal({ seed: 1 }),
  heUniform: tf.initializers.heUniform({ seed: 1 }),
  leCunNormal: tf.initializers.leCunNormal({ seed: 1 }),
  leCunUniform: tf.initializers.leCunUniform({ seed: 1 }),
};

for (const [name, initializer] of Object.entries(initializers)) {
  test(`${name} draws from the distribution that TF.js draws from`, () => {
    for (const shape of shapes) {
      const known = initializerFor(initializer as LayerInitializer, shape);
      assert.ok(known !== undefined);
      const theirs = (initializer as { apply(shape: number[]): { dataSync(): Float32Array } }).apply(shape).dataSync();
      const manifest = { parameters: [{ name, shape, offset: 0, initializer: known }], length: theirs.length, topology: {} };
      const ours = initialFlat(manifest, 1, 0);
      const [their, our] = [moments(theirs), moments(ours)];
      // Five standard errors of a mean or deviation of this many draws; draws have fixed seeds, so this either always or never passes.
      const tolerance = (5 * Math.max(their.deviation, our.deviation)) / Math.sqrt(theirs.length);
      assert.ok(Math.abs(their.mean - our.mean) <= tolerance + 1e-7, `${shape.join('x')}: means ${their.mean}, ${our.mean}`);
      assert.ok(
        Math.abs(their.deviation - our.deviation) <= tolerance + 1e-7,
        `${shape.join('x')}: deviations ${their.deviation}, ${our.deviation}`,
      );
    }
  });
}

test('fans are those of tfjs-layers, to the last digit', () => {
  const glorot = tf.initializers.glorotUniform({}) as unknown as LayerInitializer;
  assert.deepEqual(initializerFor(glorot, [100, 128]), { kind: 'uniform', min: -Math.sqrt(3 / 114), max: Math.sqrt(3 / 114) });
  const he = tf.initializers.heNormal({}) as unknown as LayerInitializer;
  assert.deepEqual(initializerFor(he, [5, 5, 16, 32]), { kind: 'truncated-normal', mean: 0, deviation: Math.sqrt(2 / 400) });
});

test('an initializer that cannot be drawn is not guessed', () => {
  const asInitializer = (initializer: unknown): LayerInitializer => initializer as LayerInitializer;
  const orthogonal = asInitializer(tf.initializers.orthogonal({ gain: 2 }));
  assert.deepEqual(initializerFor(orthogonal, [3, 5]), { kind: 'orthogonal', gain: 2 });
  assert.equal(initializerFor(orthogonal, [3]), undefined, 'a vector is no matrix');
  assert.equal(initializerFor(orthogonal, [4096, 16_384]), undefined, 'that would take minutes');
  const identity = asInitializer(tf.initializers.identity({ gain: 2 }));
  assert.deepEqual(initializerFor(identity, [3, 3]), { kind: 'identity', gain: 2 });
  assert.equal(initializerFor(identity, [3, 4]), undefined);
  const mine: LayerInitializer = { getClassName: () => 'Mine', getConfig: () => ({}) };
  assert.equal(initializerFor(mine, [3]), undefined);
});

test('the bias of an LSTM with unitForgetBias has ones for its forget gate, and its own initializer elsewhere', () => {
  const [, , bias] = parametersOf(
    tf.layers.lstm({ name: 'loop', units: 2, inputShape: [3, 1], biasInitializer: 'glorotUniform', unitForgetBias: true }),
  );
  const glorot = tf.initializers.glorotUniform({}) as unknown as LayerInitializer;
  const part = (length: number): unknown => ({ length, initializer: initializerFor(glorot, [length]) });
  const ones = { length: 2, initializer: { kind: 'constant', value: 1 } };
  assert.deepEqual(bias!.initializer, { kind: 'parts', parts: [part(2), ones, part(4)] });
});

test('recurrent layers are built with the initializers that they have by default', () => {
  for (const layer of [
    tf.layers.lstm({ name: 'loop', units: 2, inputShape: [3, 1] }),
    tf.layers.gru({ name: 'loop', units: 2, inputShape: [3, 1] }),
    tf.layers.simpleRNN({ name: 'loop', units: 2, inputShape: [3, 1] }),
  ])
    assert.equal(parametersOf(layer)[1]!.initializer.kind, 'orthogonal');
});

function parametersOf(layer: ReturnType<Tf['layers']['lstm']>): readonly Parameter[] {
  const recipe = { name: 'test', networks: { net: () => tf.sequential({ layers: [layer] }) } } as unknown as Recipe;
  return buildNetworks(tf, recipe)['net']!.manifest.parameters;
}

function moments(values: ArrayLike<number>): { mean: number; deviation: number } {
  const list = Array.from(values);
  const mean = list.reduce((sum, value) => sum + value, 0) / list.length;
  return { mean, deviation: Math.sqrt(list.reduce((sum, value) => sum + (value - mean) ** 2, 0) / list.length) };
}
