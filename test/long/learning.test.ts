/**
 * Does it learn? A run with the default settings, and a small classifier, trained here on real MNIST, that says which digits the generator draws.
 *
 * In full (`npm run test:long`) it is the run of `npm start`; `npm test` trains for a quarter of it and asks for less. `dcgan` only in full.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { inputRows, streams, type Tf } from '@lockstep/shared';
import { openIdx } from '../../packages/coordinator/src/data/idx-dataset.ts';
import { loadWasm } from '../../packages/worker/src/backends/wasm.ts';
import { startRun } from '../e2e/harness.ts';

const full = process.env['LOCKSTEP_FULL'] === '1';
const epochs = full ? [] : ['--epochs', '2'];
const classesWanted = full ? 8 : 3;
const samples = 640;
/** A class counts as drawn if the classifier is sure of it for one sample in a hundred. */
const leastPerClass = Math.ceil(samples / 100);
const sure = 0.9;

test(`default settings draw at least ${classesWanted} of the 10 digits`, async (t) => {
  const found = await digitsDrawnBy(t, ['--recipe', 'gan', ...epochs]);
  assert.ok(found.filter((count) => count >= leastPerClass).length >= classesWanted, `sure samples per digit: ${found.join(' ')}`);
});

test('dcgan draws at least 6 of the 10 digits after one epoch', { skip: full ? false : 'takes minutes' }, async (t) => {
  const found = await digitsDrawnBy(t, ['--recipe', 'dcgan', '--epochs', '1']);
  assert.ok(found.filter((count) => count >= leastPerClass).length >= 6, `sure samples per digit: ${found.join(' ')}`);
});

/** Trains, checks every loss and score on the way, and counts the samples of each digit. */
async function digitsDrawnBy(t: TestContext, args: readonly string[]): Promise<number[]> {
  const run = await startRun(t, { args: [...args, '--workers', '2', '--spawn'], patienceMs: 60 * 60_000 });
  await run.completed();
  for (const line of await run.losses()) {
    const { loss, metrics } = line as unknown as { loss: Record<string, number>; metrics: Record<string, number> };
    for (const [network, value] of Object.entries(loss))
      assert.ok(Number.isFinite(value), `loss of ${network} at step ${String(line['step'])}`);
    for (const score of [metrics['realScore']!, metrics['fakeScore']!])
      assert.ok(score > 0 && score < 1, `score ${score} at step ${String(line['step'])}`);
  }
  const { tf } = await loadWasm();
  const pictures = await drawn(tf, join(run.directory, 'model', 'generator'));
  const classifier = await trainClassifier(tf);
  const found = await classes(classifier, pictures);
  t.diagnostic(`sure samples per digit: ${found.join(' ')}`);
  return found;
}

type Model = Awaited<ReturnType<Tf['loadLayersModel']>>;
type Tensor2D = ReturnType<Tf['tensor2d']>;

/** Pictures of the exported generator, [640, 784] in [-1, 1]. */
async function drawn(tf: Tf, directory: string): Promise<Tensor2D> {
  const description = JSON.parse(await readFile(join(directory, 'model.json'), 'utf8')) as {
    modelTopology: object;
    weightsManifest: { paths: string[]; weights: never[] }[];
  };
  const { modelTopology, weightsManifest } = description;
  const files = await Promise.all(weightsManifest.flatMap(({ paths }) => paths.map((path) => readFile(join(directory, path)))));
  const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
  const weightData = new Uint8Array(Buffer.concat(files)).buffer;
  const generator = await tf.loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs, weightData }));
  const z = inputRows({ shape: [100], distribution: 'normal' }, 640, streams.samples, 0, 0, samples);
  return (generator.predict(tf.tensor2d(z, [samples, 100])) as Tensor2D).reshape([samples, 784]);
}

/** One hidden layer, three passes over MNIST, and a check on held-out images that it can be trusted. */
async function trainClassifier(tf: Tf): Promise<Model> {
  const dataset = await openIdx('train');
  const { count } = dataset;
  const pixels = 784;
  const all = Uint32Array.from({ length: count }, (_, id) => id);
  const images = new Uint8Array(count * pixels);
  const labels = new Uint8Array(count);
  dataset.read('image', all, images);
  dataset.read('label', all, labels);
  const held = 2000;
  const scaled = Float32Array.from(images, (pixel) => pixel / 127.5 - 1);
  const rows = (from: number, to: number): Tensor2D => tf.tensor2d(scaled.subarray(from * pixels, to * pixels), [to - from, pixels]);
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [pixels], units: 64, activation: 'relu', kernelInitializer: tf.initializers.heNormal({ seed: 1 }) }),
      tf.layers.dense({ units: 10, activation: 'softmax', kernelInitializer: tf.initializers.glorotNormal({ seed: 2 }) }),
    ],
  });
  model.compile({ optimizer: tf.train.adam(1e-3), loss: 'sparseCategoricalCrossentropy' });
  const x = rows(0, count - held);
  const y = tf.tensor1d(Float32Array.from(labels.subarray(0, count - held)));
  await model.fit(x, y, { epochs: 3, batchSize: 256, shuffle: false, verbose: 0 });
  const guesses = [...(await (model.predict(rows(count - held, count)) as Tensor2D).argMax(1).data())];
  const right = guesses.filter((guess, index) => guess === labels[count - held + index]).length;
  assert.ok(right / held > 0.93, `the classifier itself is right on ${right} of ${held}`);
  return model;
}

/** Per digit, how many samples the classifier is sure of. */
async function classes(classifier: Model, pictures: Tensor2D): Promise<number[]> {
  const scores = classifier.predict(pictures) as Tensor2D;
  const best = await scores.max(1).data();
  const digit = await scores.argMax(1).data();
  const counts = Array.from({ length: 10 }, () => 0);
  for (const [index, score] of best.entries()) if (score > sure) counts[digit[index]!]! += 1;
  return counts;
}
