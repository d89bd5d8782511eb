import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Manifest } from '@lockstep/shared';
import { elementCount } from '@lockstep/shared';
import * as tf from '@tensorflow/tfjs';
import { scratchDirectory } from '../disk/testing.ts';
import { exportNetwork, isExported } from './model-export.ts';

function smallModel(): tf.LayersModel {
  return tf.sequential({
    name: 'generator',
    layers: [
      tf.layers.dense({ name: 'hidden', inputShape: [5], units: 7, activation: 'relu' }),
      tf.layers.reshape({ name: 'grid', targetShape: [7, 1, 1] }),
      tf.layers.conv2d({ name: 'conv', filters: 3, kernelSize: 1, useBias: true }),
      tf.layers.flatten({ name: 'flat' }),
      tf.layers.dense({ name: 'out', units: 4, activation: 'tanh' }),
    ],
  });
}

/** A model's manifest and flat, as a worker would report them. */
function flatten(model: tf.LayersModel, variables = model.weights): { manifest: Manifest; weights: Float32Array } {
  let offset = 0;
  const parameters = variables.map(({ originalName, shape }) => {
    const parameter = { name: originalName, shape: shape as number[], offset, initializer: { kind: 'constant', value: 0 } as const };
    offset += elementCount(parameter.shape);
    return parameter;
  });
  const weights = new Float32Array(offset);
  variables.forEach((variable, index) => weights.set(variable.read().dataSync(), parameters[index]!.offset));
  return { manifest: { parameters, length: offset, topology: model.toJSON(null, false) as Record<string, unknown> }, weights };
}

/** Reads an export with TF.js's own loader of layers models. */
function load(directory: string): Promise<tf.LayersModel> {
  const { modelTopology, weightsManifest, format } = JSON.parse(readFileSync(join(directory, 'model.json'), 'utf8')) as {
    modelTopology: object;
    format: string;
    weightsManifest: { paths: string[]; weights: tf.io.WeightsManifestEntry[] }[];
  };
  assert.equal(format, 'layers-model');
  const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
  const bytes = Buffer.concat(weightsManifest.flatMap(({ paths }) => paths.map((path) => readFileSync(join(directory, path)))));
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return tf.loadLayersModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) });
}

describe('an exported network', () => {
  test('loads in TF.js and predicts the same', async (t) => {
    await tf.setBackend('cpu');
    const directory = join(scratchDirectory(t), 'model', 'generator');
    const model = smallModel();
    const { manifest, weights } = flatten(model);
    await exportNetwork(directory, manifest, weights);
    assert.deepEqual(readdirSync(directory), ['model.json', 'weights.bin']);
    const loaded = await load(directory);
    assert.deepEqual(
      loaded.layers.map(({ name }) => name),
      model.layers.map(({ name }) => name),
    );
    const input = tf.randomNormal([6, 5], 0, 1, 'float32', 3);
    const predict = (some: tf.LayersModel): number[] => [...(some.predict(input) as tf.Tensor).dataSync()];
    assert.deepEqual(predict(loaded), predict(model));
    assert.ok(new Set(predict(loaded)).size > 10, 'predictions are not all the same');
  });

  test('has its state in a file of its own, and loads with it', async (t) => {
    await tf.setBackend('cpu');
    const directory = join(scratchDirectory(t), 'model', 'generator');
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ name: 'hidden', inputShape: [5], units: 3 }),
        tf.layers.batchNormalization({ name: 'norm' }),
        tf.layers.dense({ name: 'out', units: 2 }),
      ],
    });
    const trained = flatten(model, model.trainableWeights);
    const parameters = ['norm/moving_mean', 'norm/moving_variance'].map((name, index) => ({
      name,
      shape: [3],
      offset: 3 * index,
      initializer: { kind: 'constant', value: index } as const,
      momentum: 0.99,
    }));
    const manifest = { ...trained.manifest, state: { parameters, length: 6 } };
    const state = Float32Array.of(1, 2, 3, 4, 5, 6);
    await exportNetwork(directory, manifest, trained.weights, state);
    assert.deepEqual(readdirSync(directory).toSorted(), ['model.json', 'state.bin', 'weights.bin']);
    const loaded = await load(directory);
    assert.deepEqual(
      parameters.map(({ name }) => [
        ...loaded.weights
          .find(({ originalName }) => originalName === name)!
          .read()
          .dataSync(),
      ]),
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    );
    assert.equal(await isExported(directory, manifest, trained.weights, state), true);
    assert.equal(
      await isExported(
        directory,
        manifest,
        trained.weights,
        state.map((value) => value + 1),
      ),
      false,
    );
    await assert.rejects(exportNetwork(directory, manifest, trained.weights), /the manifest 6, the weights 0/);
  });

  test('replaces an older export as a whole', async (t) => {
    const directory = join(scratchDirectory(t), 'model', 'generator');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'group1-shard2of2.bin'), 'old');
    const { manifest, weights } = flatten(smallModel());
    await exportNetwork(directory, manifest, weights);
    assert.deepEqual(readdirSync(directory), ['model.json', 'weights.bin']);
    assert.deepEqual(readdirSync(join(directory, '..')), ['generator']);
  });

  test('is distinguished from one that is missing, damaged, or of different weights', async (t) => {
    const directory = join(scratchDirectory(t), 'model', 'generator');
    const { manifest, weights } = flatten(smallModel());
    assert.equal(await isExported(directory, manifest, weights), false);
    await exportNetwork(directory, manifest, weights);
    assert.equal(await isExported(directory, manifest, weights), true);
    const others = weights.slice();
    others[0]! += 1;
    assert.equal(await isExported(directory, manifest, others), false);
    writeFileSync(join(directory, 'model.json'), '{}');
    assert.equal(await isExported(directory, manifest, weights), false);
  });

  test("is refused if the flat is not the manifest's", async (t) => {
    const { manifest, weights } = flatten(smallModel());
    const directory = join(scratchDirectory(t), 'generator');
    await assert.rejects(exportNetwork(directory, manifest, weights.subarray(1)), /the manifest 136, the weights 135/);
    const [first, ...others] = manifest.parameters;
    await assert.rejects(exportNetwork(directory, { ...manifest, parameters: [...others, first!] }, weights), /expected 0/);
  });
});
