import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { elementCount, LockstepError } from '@lockstep/shared';
import { type Dataset, fieldBytes } from './dataset.ts';
import { openIdx } from './idx-dataset.ts';

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

/** The whole of a field. */
function all(dataset: Dataset, name: string): Uint8Array {
  const field = dataset.fields.find((each) => each.name === name)!;
  const out = new Uint8Array(dataset.count * fieldBytes(field));
  dataset.read(
    name,
    Uint32Array.from({ length: dataset.count }, (_, id) => id),
    out,
  );
  return out;
}
const shapesOf = ({ fields }: Dataset): Record<string, readonly number[]> =>
  Object.fromEntries(fields.map(({ name, shape }) => [name, shape]));

test('the embedded default is MNIST as published', async () => {
  const dataset = await openIdx('train');
  assert.equal(dataset.count, 60_000);
  assert.deepEqual(shapesOf(dataset), { image: [28, 28], label: [] });
  assert.deepEqual([...all(dataset, 'label').subarray(0, 10)], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
  // The MD5s of the four files that Y. LeCun published, decompressed.
  const md5 = (shape: readonly number[], data: Uint8Array): string => {
    const header = Buffer.alloc(4 + 4 * shape.length);
    header.writeUInt32BE(0x0800 | shape.length, 0);
    shape.forEach((dimension, axis) => header.writeUInt32BE(dimension, 4 + 4 * axis));
    return createHash('md5').update(header).update(data).digest('hex');
  };
  assert.equal(md5([60_000, 28, 28], all(dataset, 'image')), '6bbc9ace898e44ae57da46a324031adb');
  assert.equal(md5([60_000], all(dataset, 'label')), 'a25bea736e30d166cdddb491f175f624');
  const test = await openIdx('test');
  assert.equal(test.count, 10_000);
  assert.equal(md5([10_000, 28, 28], all(test, 'image')), '2646ac647ad5339dbf082846283269ea');
  assert.equal(md5([10_000], all(test, 'label')), '27ae3e4e09519cfbb04c329615203637');
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
    const dataset = await openIdx('train', directory);
    assert.equal(dataset.count, 3);
    assert.deepEqual(shapesOf(dataset), { image: [2, 2], label: [] });
    assert.deepEqual([...all(dataset, 'label')], [7, 8, 9]);
    assert.equal(dataset.computeSha256(), createHash('sha256').update(images).update(labels).digest('hex'));
  }
});

test('different labels make a different data set', async () => {
  await write({ 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': labels });
  const sha256 = (await openIdx('train', directory)).computeSha256();
  const other = Buffer.from(labels);
  other[10] = 1;
  await write({ 'train-labels-idx1-ubyte': other });
  assert.notEqual((await openIdx('train', directory)).computeSha256(), sha256);
});

test('samples are gathered in the order asked for, repeats included', async () => {
  await write({ 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': labels });
  const dataset = await openIdx('train', directory);
  const out = new Uint8Array(12);
  dataset.read('image', Uint32Array.of(2, 0, 2), out);
  assert.deepEqual([...out], [30, 31, 32, 33, 10, 11, 12, 13, 30, 31, 32, 33]);
  assert.throws(() => dataset.read('image', Uint32Array.of(3), new Uint8Array(4)), /no sample 3/);
  assert.throws(() => dataset.read('image', Uint32Array.of(0), new Uint8Array(5)), /1 rows of 4 bytes do not fit 5/);
  assert.throws(() => dataset.read('depth', Uint32Array.of(0), new Uint8Array(4)), /no field depth/);
});

test('images without labels are a dataset', async () => {
  await write({ 'train-images-idx3-ubyte': images });
  const dataset = await openIdx('train', directory);
  assert.deepEqual([dataset.count, shapesOf(dataset)], [3, { image: [2, 2] }]);
  assert.equal(dataset.computeSha256(), createHash('sha256').update(images).digest('hex'));
});

test('files of one to four dimensions are datasets: numbers, rows, grey pictures, colour pictures', async () => {
  for (const shape of [[], [5], [1, 2], [1, 2, 3]]) {
    const dimensions = [2, ...shape].flatMap((each) => [0, 0, 0, each]);
    const length = elementCount(shape);
    const bytes = Buffer.from([0, 0, 8, 1 + shape.length, ...dimensions, ...Array(2 * length).keys()]);
    const name = `train-images-idx${1 + shape.length}-ubyte`;
    await write({ [name]: bytes });
    const dataset = await openIdx('train', directory);
    assert.deepEqual([dataset.count, shapesOf(dataset)], [2, { image: shape }]);
    const out = new Uint8Array(length);
    dataset.read('image', Uint32Array.of(1), out);
    assert.deepEqual([...out], [...Array(2 * length).keys()].slice(length));
    await rm(join(directory, name));
  }
});

test('the test split is found under both of its names', async () => {
  await write({ 'train-images-idx3-ubyte': images, 't10k-images-idx3-ubyte': Buffer.from(images).fill(7, 16, 17) });
  const published = await openIdx('test', directory);
  assert.deepEqual([published.count, all(published, 'image')[0]], [3, 7]);
  await rm(join(directory, 't10k-images-idx3-ubyte'));
  await assert.rejects(openIdx('test', directory), refused(/the test images file is missing\. Looked for t10k-images-idx3-ubyte/));
  await write({ 'test-images-idx3-ubyte': Buffer.from(images).fill(7, 16, 17) });
  assert.equal((await openIdx('test', directory)).computeSha256(), published.computeSha256());
});

test('missing images are refused with the names that were looked for', async () => {
  await assert.rejects(openIdx('train', directory), refused(/the images file is missing\. Looked for train-images-idx3-ubyte, .*--data/));
  await assert.rejects(openIdx('train', join(directory, 'nowhere')), refused(/nowhere: the images file is missing/));
});

test('counts that disagree are refused, and both files and counts are named', async () => {
  await write({ 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': Buffer.from([0, 0, 8, 1, 0, 0, 0, 2, 7, 8]) });
  await assert.rejects(
    openIdx('train', directory),
    refused(/train-images-idx3-ubyte counts 3 images \(offset 4\), but .*train-labels-idx1-ubyte counts 2 labels \(offset 4\)/),
  );
});

test('malformed labels are refused, even if no loss reads them', async () => {
  await write({ 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': labels.subarray(0, 10) });
  await assert.rejects(openIdx('train', directory), refused(/train-labels-idx1-ubyte, offset 10: the file is truncated/));
  await write({ 'train-labels-idx1-ubyte': images });
  await assert.rejects(openIdx('train', directory), refused(/train-labels-idx1-ubyte, offset 0: wrong magic number, expected 0x00000801/));
});
