import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import type { Tf } from '@lockstep/shared';
import { initialFlat } from '@lockstep/shared';
import type { LayerInitializer } from './initializers.ts';
import { initializerFor } from './initializers.ts';

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

test('an initializer without a kind in the manifest is not guessed', () => {
  assert.equal(initializerFor(tf.initializers.orthogonal({}) as unknown as LayerInitializer, [3, 3]), undefined);
  assert.equal(initializerFor(tf.initializers.identity({}) as unknown as LayerInitializer, [3, 3]), undefined);
});

function moments(values: ArrayLike<number>): { mean: number; deviation: number } {
  const list = Array.from(values);
  const mean = list.reduce((sum, value) => sum + value, 0) / list.length;
  return { mean, deviation: Math.sqrt(list.reduce((sum, value) => sum + (value - mean) ** 2, 0) / list.length) };
}
