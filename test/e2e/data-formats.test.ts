/** Data of other formats, from the command line to the weights: a folder of JPEGs, and a module; by one worker and by two. */
import assert from 'node:assert/strict';
import { access, mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { eventually, root, type Run, startRun, temporaryDirectory, within } from './harness.ts';

const side = 32;
const perClass = 40;

type Encode = (rgba: Uint8Array, width: number, height: number, options: object) => Uint8Array;

/** MozJPEG's encoder, of the package whose decoder reads the pictures. */
async function jpegEncoder(): Promise<Encode> {
  const require = createRequire(join(root, 'packages/coordinator/package.json'));
  const { default: create } = (await import(require.resolve('@jsquash/jpeg/codec/enc/mozjpeg_enc.js'))) as {
    default: (options: object) => Promise<{ encode: Encode }>;
  };
  const wasmBinary = await readFile(require.resolve('@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm'));
  const { defaultOptions } = (await import(require.resolve('@jsquash/jpeg/meta.js'))) as { defaultOptions: object };
  const { encode } = await create({ noInitialRun: true, wasmBinary });
  return (rgba, width, height, options) => encode(rgba, width, height, { ...defaultOptions, ...options });
}

/** Discs and stripes of changing colours and places. */
async function writePictures(directory: string): Promise<void> {
  const encode = await jpegEncoder();
  for (const [label, name] of ['discs', 'stripes'].entries()) {
    await mkdir(join(directory, name), { recursive: true });
    for (let index = 0; index < perClass; index += 1) {
      const rgba = new Uint8Array(side * side * 4).fill(255);
      for (let pixel = 0; pixel < side * side; pixel += 1) {
        const [x, y] = [pixel % side, Math.floor(pixel / side)];
        const isInside = label === 0 ? (x - 10 - (index % 12)) ** 2 + (y - 16) ** 2 < 49 : (y + index) % 8 < 4;
        rgba.set(isInside ? [200, (index * 37) % 200, 90] : [30, 60, (index * 53) % 255], pixel * 4);
      }
      await writeFile(join(directory, name, `${index}.jpg`), encode(rgba, side, side, { quality: 85 }));
    }
  }
}

async function train(t: TestContext, workers: number, args: readonly string[]): Promise<Run> {
  const environment = { XDG_CACHE_HOME: await temporaryDirectory(t) };
  const spawn = ['--workers', String(workers), '--spawn', '--backend', 'wasm', '--grid-every', '0', '--checkpoint-every', '0'];
  const run = await startRun(t, { args: [...args, ...spawn], environment });
  await run.completed();
  return run;
}

describe('data of other formats', { concurrency: false }, () => {
  test('the example classifies a folder of JPEGs, and two workers give the weights of one', async (t) => {
    const directory = await temporaryDirectory(t);
    await writePictures(directory);
    const args = ['--recipe', join(root, 'examples/picture-classifier.mjs'), '--data', directory, '--batch-size', '16', '--steps', '30'];
    const one = await train(t, 1, args);
    assert.match(
      one.output(),
      /Data: pictures in \S+ \(2 classes: discs, stripes\): image 32 x 32 x 3 uint8, label int32/,
      'what is there is said',
    );
    const lines = (await one.losses()) as { metrics: { accuracy: number } }[];
    const last = lines.slice(-5).map(({ metrics }) => metrics.accuracy);
    assert.ok(
      last.every((accuracy) => accuracy > 0.9),
      `accuracy ${last.join(', ')}`,
    );
    const two = await train(t, 2, args);
    assert.deepEqual((await two.summary()).weightsSha256, (await one.summary()).weightsSha256);
  });

  test('a run that is stopped while its data is read for the first time ends at once, and leaves nothing', async (t) => {
    const directory = await temporaryDirectory(t);
    const header = Buffer.alloc(16);
    // 200 GB, of which nothing is on the disk: longer to read than any test waits.
    [0x803, 255_000_000, 28, 28].forEach((value, index) => header.writeUInt32BE(value, 4 * index));
    const path = join(directory, 'train-images-idx3-ubyte');
    await writeFile(path, header);
    await truncate(path, 16 + 255_000_000 * 784);
    const run = await startRun(t, { args: ['--data', directory, '--steps', '1'] });
    await eventually(run, 'the reading', () => run.output().includes('once, for its SHA-256'));
    run.child.kill('SIGTERM');
    assert.deepEqual(await within(run, 'its end', run.exited), { code: 21, signal: null });
    await assert.rejects(access(run.directory));
  });

  test("a module of one's own is data, read by the coordinator alone", async (t) => {
    const directory = await temporaryDirectory(t);
    const path = join(directory, 'data.mjs');
    await writeFile(
      path,
      `export default {
        fields: { image: { shape: [28, 28], dtype: 'uint8' } },
        splits: { train: { length: 1000, read: (ids) => ({ image: Uint8Array.from({ length: ids.length * 784 }, (_, index) => (ids[Math.floor(index / 784)] * 7 + index) & 255) }) } },
      };`,
    );
    const one = await train(t, 1, ['--data', path, '--steps', '4']);
    const two = await train(t, 2, ['--data', path, '--steps', '4']);
    assert.deepEqual((await two.summary()).weightsSha256, (await one.summary()).weightsSha256);
  });
});
