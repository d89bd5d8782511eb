/** What every dataset must do, over every format: the same samples in all of them, read by any ids, hashed, and refused where they are bad. */
import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { LockstepError } from '@lockstep/shared';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import { PNG } from 'pngjs';
import { type Dataset, fieldBytes, type Split } from '../../packages/coordinator/src/data/dataset.ts';
import { openDataset } from '../../packages/coordinator/src/data/open-dataset.ts';
import { temporaryDirectory } from '../e2e/harness.ts';

const count = 6;
const [side, channels] = [32, 3];
const imageBytes = side * side * channels;
const images = Uint8Array.from({ length: count * imageBytes }, (_, index) => (index * 7 + (index >> 8)) & 255);
const labels = Uint8Array.of(0, 0, 1, 1, 1, 2);

type Files = Readonly<Record<string, Uint8Array | string>>;

interface Implementation {
  readonly name: string;
  /** Below the directory: what `--data` is given. */
  readonly path: string;
  /** Files of both splits, or only of the training split. */
  readonly files: Files;
  readonly hasTest: boolean;
  /** A file whose last byte is one of the last training sample's, or one that may be damaged in another way. */
  readonly altered: readonly [name: string, bytes: Uint8Array | string];
  /** A damaged file of the training split, and what its refusal says. */
  readonly damaged: readonly [name: string, bytes: Uint8Array | string, says: RegExp];
}

const changedImages = Uint8Array.from(images);
changedImages[images.length - 1]! ^= 1;

function idx(shape: readonly number[], bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(0x0800 | shape.length);
  shape.forEach((size, axis) => header.writeUInt32BE(size, 4 + 4 * axis));
  return Buffer.concat([header, bytes]);
}

function npy(shape: readonly number[], bytes: Uint8Array): Buffer {
  const text = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const header = `${text.padEnd(117)}\n`;
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), Buffer.from([header.length, 0]), Buffer.from(header), bytes]);
}

function cifar(pixels: Uint8Array, from: number, to: number): Buffer {
  const records = Array.from({ length: to - from }, (_, index) => {
    const id = from + index;
    const record = Buffer.alloc(1 + imageBytes, labels[id]);
    for (let pixel = 0; pixel < side * side; pixel += 1) {
      for (let channel = 0; channel < channels; channel += 1)
        record[1 + channel * side * side + pixel] = pixels[id * imageBytes + pixel * channels + channel]!;
    }
    return record;
  });
  return Buffer.concat(records);
}

function png(pixels: Uint8Array, id: number): Buffer {
  const image = new PNG({ width: side, height: side });
  for (let pixel = 0; pixel < side * side; pixel += 1)
    image.data.set([...pixels.subarray(id * imageBytes + pixel * channels, id * imageBytes + (pixel + 1) * channels), 255], pixel * 4);
  return PNG.sync.write(image);
}

const pictureName = (id: number): string => `class-${labels[id]}/${id}.png`;
const pictures = (folder: string): Files =>
  Object.fromEntries(Array.from({ length: count }, (_, id) => [`${folder}/${pictureName(id)}`, png(images, id)]));

const shape = [count, side, side, channels];
const archive = (pixels: Uint8Array, level: 0 | 6): Uint8Array =>
  zipSync(
    {
      'image_train.npy': npy(shape, pixels),
      'label_train.npy': npy([count], labels),
      'image_test.npy': npy(shape, images),
      'label_test.npy': npy([count], labels),
    },
    { level },
  );
const module = (pixels: Uint8Array): string => `
  const images = Buffer.from('${Buffer.from(pixels).toString('base64')}', 'base64');
  const labels = Uint8Array.of(${labels.join()});
  const read = (ids) => {
    const image = new Uint8Array(ids.length * ${imageBytes});
    ids.forEach((id, row) => image.set(images.subarray(id * ${imageBytes}, (id + 1) * ${imageBytes}), row * ${imageBytes}));
    return { image, label: Uint8Array.from(ids, (id) => labels[id]) };
  };
  export default {
    fields: { image: { shape: [${shape.slice(1).join()}], dtype: 'uint8' }, label: { shape: [], dtype: 'uint8' } },
    splits: { train: { length: ${count}, read }, test: { length: ${count}, read } },
  };`;

const implementations: readonly Implementation[] = [
  {
    name: 'IDX files',
    path: '.',
    files: {
      'train-images-idx4-ubyte': idx(shape, images),
      'train-labels-idx1-ubyte': idx([count], labels),
      't10k-images-idx4-ubyte': idx(shape, images),
      't10k-labels-idx1-ubyte': idx([count], labels),
    },
    hasTest: true,
    altered: ['train-images-idx4-ubyte', idx(shape, changedImages)],
    damaged: ['train-labels-idx1-ubyte', idx([count - 1], labels.subarray(1)), /counts 6 images .*train-labels.* counts 5 labels/],
  },
  {
    name: 'a directory of .npy files',
    path: '.',
    files: Object.fromEntries(
      ['train', 'test'].flatMap((split) => [
        [`${split}/image.npy`, npy(shape, images)],
        [`${split}/label.npy`, npy([count], labels)],
      ]),
    ),
    hasTest: true,
    altered: ['train/image.npy', npy(shape, changedImages)],
    damaged: ['train/label.npy', npy([5], labels.subarray(1)), /image\.npy counts 6 samples, but .*label\.npy counts 5/],
  },
  {
    name: 'a .npz archive',
    path: 'data.npz',
    files: { 'data.npz': archive(images, 0) },
    hasTest: true,
    altered: ['data.npz', archive(changedImages, 0)],
    damaged: ['data.npz', archive(images, 0).subarray(0, -30), /data\.npz cannot be used: .*Save it again with numpy\.savez/],
  },
  {
    name: 'a compressed .npz archive',
    path: 'data.npz',
    files: { 'data.npz': archive(images, 6) },
    hasTest: true,
    altered: ['data.npz', archive(changedImages, 6)],
    damaged: ['data.npz', Buffer.from('not a zip file'), /data\.npz cannot be used: /],
  },
  {
    name: "CIFAR-10's binary files",
    path: '.',
    files: { 'data_batch_1.bin': cifar(images, 0, 4), 'data_batch_2.bin': cifar(images, 4, 6), 'test_batch.bin': cifar(images, 0, 6) },
    hasTest: true,
    altered: ['data_batch_2.bin', cifar(changedImages, 4, 6)],
    damaged: ['data_batch_2.bin', cifar(images, 4, 6).subarray(1), /data_batch_2\.bin has 6145 bytes, .* truncated/],
  },
  {
    name: 'folders of pictures',
    path: '.',
    files: { ...pictures('train'), ...pictures('test') },
    hasTest: true,
    altered: [`train/${pictureName(count - 1)}`, png(changedImages, count - 1)],
    damaged: [`train/${pictureName(3)}`, png(images, 3).subarray(0, 60), /train\/class-1\/3\.png cannot be used: /],
  },
  {
    name: 'folders of pictures without splits',
    path: 'train',
    files: pictures('train'),
    hasTest: false,
    altered: [`train/${pictureName(count - 1)}`, png(changedImages, count - 1)],
    damaged: [`train/${pictureName(0)}`, 'no picture', /train\/class-0\/0\.png cannot be used: it is neither PNG nor JPEG/],
  },
  {
    name: 'a module',
    path: 'data.mjs',
    files: { 'data.mjs': module(images) },
    hasTest: true,
    altered: ['other.mjs', module(changedImages)],
    damaged: [
      'bad.mjs',
      module(images).replace("dtype: 'uint8'", "dtype: 'int8'"),
      /bad\.mjs has a bad default export: fields\.image\.dtype/,
    ],
  },
];

async function write(directory: string, files: Files): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), bytes);
  }
}

for (const implementation of implementations) {
  describe(implementation.name, () => {
    const place = async (t: TestContext): Promise<{ directory: string; open: (split?: Split, path?: string) => Promise<Dataset> }> => {
      const directory = await temporaryDirectory(t);
      await write(directory, implementation.files);
      const open = (split: Split = 'train', path = implementation.path): Promise<Dataset> =>
        openDataset({ path: join(directory, path), split });
      return { directory, open };
    };

    test('has the samples, by any ids, in the order asked for, repeats included', async (t) => {
      const { open } = await place(t);
      const dataset = await open();
      assert.equal(dataset.count, count);
      assert.deepEqual(
        dataset.fields.map(({ name, shape: own }) => [name, own]),
        [
          ['image', [side, side, channels]],
          ['label', []],
        ],
      );
      const [image, label] = dataset.fields;
      fc.assert(
        fc.property(fc.array(fc.nat({ max: count - 1 }), { maxLength: 9 }), (wanted) => {
          const ids = Uint32Array.from(wanted);
          const pixels = new Uint8Array(ids.length * fieldBytes(image!));
          dataset.read('image', ids, pixels);
          const numbers = new Uint8Array(ids.length * fieldBytes(label!));
          dataset.read('label', ids, numbers);
          const read = label!.dtype === 'int32' ? new Int32Array(numbers.buffer) : numbers;
          assert.deepEqual(
            [...read],
            wanted.map((id) => labels[id]),
          );
          wanted.forEach((id, row) => {
            const own = pixels.subarray(row * imageBytes, (row + 1) * imageBytes);
            assert.ok(Buffer.from(images.buffer, id * imageBytes, imageBytes).equals(own), `sample ${id}`);
          });
        }),
        { numRuns: 30 },
      );
      dataset.close();
    });

    test('its SHA-256 changes with any sample, and with nothing else', async (t) => {
      const { directory, open } = await place(t);
      const first = await open();
      const sha256 = first.computeSha256();
      assert.match(sha256, /^[0-9a-f]{64}$/);
      first.close();
      const again = await open();
      assert.equal(again.computeSha256(), sha256);
      again.close();
      const [name, bytes] = implementation.altered;
      await write(directory, { [name]: bytes });
      const other = await open('train', implementation.path.endsWith('.mjs') ? name : implementation.path);
      assert.notEqual(other.computeSha256(), sha256);
      if (first.stamp !== undefined) assert.equal(again.stamp, first.stamp);
      other.close();
    });

    test('the test split is there, or its absence is said', async (t) => {
      const { open } = await place(t);
      if (implementation.hasTest) {
        const dataset = await open('test');
        assert.equal(dataset.count, count);
        return dataset.close();
      }
      return assert.rejects(open('test'), (error) => error instanceof LockstepError && /has no test split/.test(error.message));
    });

    test('ids, fields and memory that do not fit are mistakes of the program', async (t) => {
      const { open } = await place(t);
      const dataset = await open();
      const out = new Uint8Array(imageBytes);
      assert.throws(() => dataset.read('image', Uint32Array.of(count), out), /no sample 6/);
      assert.throws(() => dataset.read('image', Uint32Array.of(0), out.subarray(1)), /do not fit/);
      assert.throws(() => dataset.read('depth', Uint32Array.of(0), out), /no field depth/);
      dataset.close();
    });

    test('damaged data is refused with a sentence that names it, before anything is trained', async (t) => {
      const { directory, open } = await place(t);
      const [name, bytes, says] = implementation.damaged;
      await rm(join(directory, name), { force: true });
      await write(directory, { [name]: bytes });
      const prepare = async (): Promise<void> => {
        const dataset = await open('train', implementation.path.endsWith('.mjs') ? name : implementation.path);
        // As a run does before it begins.
        dataset.computeSha256();
      };
      await assert.rejects(prepare(), (error) => {
        assert.ok(error instanceof LockstepError, String(error));
        assert.equal(error.code, 'data-invalid');
        assert.match(error.message, says);
        return true;
      });
    });
  });
}
