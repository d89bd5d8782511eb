/** Colour images of one's own, without labels: they train, and the grid shows them in colour and in their proportions. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { PNG } from 'pngjs';
import { startRun, temporaryDirectory } from './harness.ts';

const [height, width] = [4, 2];

/** Learns nothing: its pictures are red for any weights. */
const recipe = `export default {
  name: 'red', batchSize: 4, epochs: 1, real: { shape: [${height}, ${width}, 3], range: [0, 1] },
  inputs: { z: { shape: [1], distribution: 'normal' } },
  networks: { line: (tf) => tf.sequential({ layers: [tf.layers.dense({ name: 'line', inputShape: [${height}, ${width}, 3], units: 1 })] }) },
  phases: [{ name: 'fit', updates: 'line', inputs: ['real'], loss: ({ tf, networks, real }) => ({ loss: tf.mean(tf.square(networks.line(real))) }) }],
  optimizers: { line: { kind: 'sgd', learningRate: 0.01 } },
  generate: ({ tf, z }) => tf.tile(tf.tensor([1, 0, 0], [1, 1, 1, 3]), [z.shape[0], ${height}, ${width}, 1]),
};`;

test('colour images without labels', async (t) => {
  const directory = await temporaryDirectory(t);
  const header = Buffer.from([0, 0, 8, 4, 0, 0, 0, 8, 0, 0, 0, height, 0, 0, 0, width, 0, 0, 0, 3]);
  const data = join(directory, 'data');
  await mkdir(data);
  await writeFile(join(data, 'train-images-idx4-ubyte'), Buffer.concat([header, Buffer.alloc(8 * height * width * 3, 200)]));
  await writeFile(join(directory, 'red.mjs'), recipe);
  const run = await startRun(t, {
    args: ['--recipe', join(directory, 'red.mjs'), '--data', data, '--workers', '1', '--spawn', '--backend', 'wasm', '--steps', '2'],
  });
  await run.completed();
  const grid = PNG.sync.read(await readFile(join(run.directory, 'grids', 'step-000002.png')));
  // Eight rows of eight, doubled, with gutters of two.
  assert.deepEqual([grid.width, grid.height], [8 * (2 * width + 2) + 2, 8 * (2 * height + 2) + 2]);
  assert.deepEqual([...grid.data.subarray((2 * grid.width + 2) * 4, (2 * grid.width + 2) * 4 + 3)], [255, 0, 0]);
});
