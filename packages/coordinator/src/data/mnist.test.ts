import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { LockstepError } from '@lockstep/shared';
import { loadDataset } from './mnist.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lockstep-mnist-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const images = Buffer.from([0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, 10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33]);
const labels = Buffer.from([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]);

async function write(files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(directory, name), bytes);
}

function refused(pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof LockstepError, String(error));
    assert.equal(error.code, 'data-invalid');
    assert.match(error.message, pattern);
    return true;
  };
}

test('the embedded default is MNIST as published', async () => {
  const dataset = await loadDataset();
  assert.equal(dataset.count, 60_000);
  assert.deepEqual(dataset.shape, [28, 28]);
  assert.equal(dataset.pixels, 784);
  assert.deepEqual([...dataset.labels!.subarray(0, 10)], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
  // The MD5s of the four files that Y. LeCun published, decompressed.
  const md5 = (shape: readonly number[], data: Uint8Array): string => {
    const header = Buffer.alloc(4 + 4 * shape.length);
    header.writeUInt32BE(0x0800 | shape.length, 0);
    shape.forEach((dimension, axis) => header.writeUInt32BE(dimension, 4 + 4 * axis));
    return createHash('md5').update(header).update(data).digest('hex');
  };
  assert.equal(md5([60_000, 28, 28], dataset.images), '6bbc9ace898e44ae57da46a324031adb');
  assert.equal(md5([60_000], dataset.labels!), 'a25bea736e30d166cdddb491f175f624');
});

test('every spelling of the file name is found, plain or compressed, and gives the same data', async () => {
  const spellings = [
    { 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': labels },
    { 'train-images-idx3-ubyte.gz': gzipSync(images), 'train-labels-idx1-ubyte.gz': gzipSync(labels) },
    { 'train-images.idx3-ubyte': images, 'train-labels.idx1-ubyte': labels },
    { 'train-images.idx3-ubyte.gz': gzipSync(images), 'train-labels-idx1-ubyte': labels },
  ];
  for (const files of spellings) {
    await rm(directory, { recursive: true });
    directory = await mkdtemp(join(tmpdir(), 'lockstep-mnist-'));
    await write(files);
    const dataset = await loadDataset(directory);
    assert.equal(dataset.count, 3);
    assert.deepEqual(dataset.shape, [2, 2]);
    assert.deepEqual([...dataset.labels!], [7, 8, 9]);
    assert.equal(dataset.sha256, createHash('sha256').update(images).update(labels).digest('hex'));
  }
});

test('different labels make a different data set', async () => {
  await write({ 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': labels });
  const first = await loadDataset(directory);
  const other = Buffer.from(labels);
  other[10] = 1;
  await write({ 'train-labels-idx1-ubyte': other });
  assert.notEqual((await loadDataset(directory)).sha256, first.sha256);
});

test('samples are gathered in the order asked for, repeats included', async () => {
  await write({ 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': labels });
  const dataset = await loadDataset(directory);
  const out = new Uint8Array(12);
  dataset.sample(Uint32Array.of(2, 0, 2), out);
  assert.deepEqual([...out], [30, 31, 32, 33, 10, 11, 12, 13, 30, 31, 32, 33]);
  assert.throws(() => dataset.sample(Uint32Array.of(3), new Uint8Array(4)), /no image 3/);
  assert.throws(() => dataset.sample(Uint32Array.of(0), new Uint8Array(5)), /1 samples of 4 bytes do not fit 5/);
});

test('images without labels are a dataset', async () => {
  await write({ 'train-images-idx3-ubyte': images });
  const { count, labels: none, sha256 } = await loadDataset(directory);
  assert.deepEqual([count, none], [3, undefined]);
  assert.equal(sha256, createHash('sha256').update(images).digest('hex'));
});

test('colour images have a fourth dimension of three', async () => {
  const colour = (channels: number): Buffer =>
    Buffer.from([0, 0, 8, 4, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, channels, ...Array(2 * 2 * channels).keys()]);
  await write({ 'train-images-idx4-ubyte': colour(3) });
  const dataset = await loadDataset(directory);
  assert.deepEqual([dataset.count, dataset.shape, dataset.pixels], [2, [1, 2, 3], 6]);
  const out = new Uint8Array(6);
  dataset.sample(Uint32Array.of(1), out);
  assert.deepEqual([...out], [6, 7, 8, 9, 10, 11]);
  await write({ 'train-images-idx4-ubyte': colour(4) });
  await assert.rejects(loadDataset(directory), refused(/train-images-idx4-ubyte, offset 16: 4 channels, and only 3 .* can be used/));
});

test('missing images are refused with the names that were looked for', async () => {
  await assert.rejects(loadDataset(directory), refused(/the images file is missing\. Looked for train-images-idx3-ubyte, .*--data/));
  await assert.rejects(loadDataset(join(directory, 'nowhere')), refused(/nowhere: the images file is missing/));
});

test('counts that disagree are refused, and both files and counts are named', async () => {
  await write({ 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': Buffer.from([0, 0, 8, 1, 0, 0, 0, 2, 7, 8]) });
  await assert.rejects(
    loadDataset(directory),
    refused(/train-images-idx3-ubyte counts 3 images \(offset 4\), but .*train-labels-idx1-ubyte counts 2 labels \(offset 4\)/),
  );
});

test('malformed labels are refused, even though training does not read them', async () => {
  await write({ 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': labels.subarray(0, 10) });
  await assert.rejects(loadDataset(directory), refused(/train-labels-idx1-ubyte, offset 10: the file is truncated/));
  await write({ 'train-labels-idx1-ubyte': images });
  await assert.rejects(loadDataset(directory), refused(/train-labels-idx1-ubyte, offset 0: wrong magic number, expected 0x00000801/));
});
