/** Data that is larger than what is kept in memory: read by a thread, hashed once, refused as small data is. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LockstepError, type Recipe, type RunSettings } from '@lockstep/shared';
import { advance, startOfRun } from '../core/cursor.ts';
import { maximumResidentBytes } from './data-file.ts';
import { openData, type Reading } from './open-data.ts';
import { createIdStream } from './stream.ts';

const [seed, batchSize, rowBytes] = [3, 5, 2 ** 20];
const count = maximumResidentBytes / rowBytes + 1;
let directory: string;
let cache: string | undefined;
let images: string;

/** A sparse file: each image begins with its number, and is black otherwise. */
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lockstep-large-'));
  cache = process.env['XDG_CACHE_HOME'];
  process.env['XDG_CACHE_HOME'] = join(directory, 'cache');
  await mkdir(join(directory, 'data'));
  images = join(directory, 'data', 'train-images-idx3-ubyte');
  await writeFile(images, header([count, 1024, 1024]));
  const file = await open(images, 'r+');
  for (let id = 0; id < count; id += 1) await file.write(Uint8Array.of(id & 255, id >> 8), 0, 2, 16 + id * rowBytes);
  await file.truncate(16 + count * rowBytes);
  await file.close();
  await writeFile(join(directory, 'data', 'train-labels-idx1-ubyte'), Buffer.concat([header([count]), Buffer.alloc(count, 7)]));
});
after(async () => {
  if (cache === undefined) delete process.env['XDG_CACHE_HOME'];
  else process.env['XDG_CACHE_HOME'] = cache;
  await rm(directory, { recursive: true, force: true });
});

function header(shape: readonly number[]): Buffer {
  return Buffer.from([
    0,
    0,
    8,
    shape.length,
    ...shape.flatMap((size) => [size >>> 24, (size >>> 16) & 255, (size >>> 8) & 255, size & 255]),
  ]);
}

const recipe = (classes: number): Recipe =>
  ({
    name: 'large',
    data: { image: { shape: [rowBytes], range: [0, 1] }, label: { shape: [], dtype: 'int32', classes } },
    phases: [{ inputs: ['image', 'label'] }],
  }) as unknown as Recipe;

function reading(said: string[], classes = 8, recompute = false): Reading {
  const request = { path: join(directory, 'data'), split: 'train' } as const;
  return { request, recipe: recipe(classes), seed, batchSize, recompute, say: (sentence) => said.push(sentence) };
}

test('batches are the samples that the stream names, and the SHA-256 is computed once, until a file changes', async () => {
  const said: string[] = [];
  const data = await openData(reading(said));
  const hash = createHash('sha256');
  const zeros = new Uint8Array(rowBytes - 2);
  hash.update(header([count, 1024, 1024]));
  for (let id = 0; id < count; id += 1) hash.update(Uint8Array.of(id & 255, id >> 8)).update(zeros);
  assert.equal(
    data.sha256,
    hash
      .update(header([count]))
      .update(Buffer.alloc(count, 7))
      .digest('hex'),
  );
  assert.deepEqual(said, [`Reading all of IDX files in ${join(directory, 'data')} once, for its SHA-256.`]);

  const plan = { run: { seed, batchSize } as unknown as RunSettings, phases: [{ name: 'p', updates: [], repeat: 1, readsData: true }] };
  const batches = data.batches(plan);
  const stream = createIdStream(seed, count);
  const memory = new Uint8Array(batches.bytes);
  let cursor = startOfRun;
  for (let round = 0; round < 60; round += 1) {
    await batches.until(cursor);
    const samples = batches.at(cursor)!.copy([{ start: 1, end: 4 }], memory);
    const ids = [0, 1, 2].map((row) => samples[row * rowBytes]! + 256 * samples[row * rowBytes + 1]!);
    assert.deepEqual(ids, [...stream.idsAt(cursor.samplePosition + 1, 3)]);
    assert.deepEqual([...new Int32Array(samples.slice(3 * rowBytes).buffer)], [7, 7, 7]);
    cursor = advance(plan, cursor);
  }
  await data.close();

  const again: string[] = [];
  const second = await openData(reading(again));
  await second.close();
  assert.deepEqual([second.sha256, again], [data.sha256, []]);
  assert.equal((await readdir(join(directory, 'cache', 'lockstep', 'data-sha256'))).length, 1);
  const verified = await openData(reading(again, 8, true));
  await verified.close();
  assert.equal(again.length, 1, '--verify-data reads it again');
  await utimes(images, 1, 1);
  await (await openData(reading(again))).close();
  assert.equal(again.length, 2, 'so does another time of change');
});

test('labels out of range are refused, and no thread stays', async () => {
  await assert.rejects(
    openData(reading([], 7)),
    (error) =>
      error instanceof LockstepError && /field 'label': sample 0 has the value 7, and the recipe 'large' has 7 classes/.test(error.message),
  );
});

test('a file that is cut short while it is read ends the wait with a sentence', async () => {
  const data = await openData(reading([]));
  const file = await open(images, 'r+');
  await file.truncate(16 + rowBytes);
  await file.close();
  const plan = { run: { seed, batchSize } as unknown as RunSettings, phases: [{ name: 'p', updates: [], repeat: 1, readsData: true }] };
  await assert.rejects(
    data.batches(plan).until(startOfRun)!,
    (error) =>
      error instanceof LockstepError &&
      /train-images-idx3-ubyte: the file ends after \d+ bytes, before the sample that is wanted/.test(error.message),
  );
  await data.close();
});
