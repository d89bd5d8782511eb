/** From `--data PATH` to a dataset: what is there decides the format. */
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { LockstepError } from '@lockstep/shared';
import { cifarFiles, openCifar } from './cifar-dataset.ts';
import { unreadable } from './data-file.ts';
import { type Dataset, type Split, splits } from './dataset.ts';
import { openIdx } from './idx-dataset.ts';
import { openModule } from './module-dataset.ts';
import { openNpy, openNpyDirectory, openNpz } from './npy-dataset.ts';
import { holdsPictures, openPictures } from './picture-dataset.ts';

export interface DataRequest {
  /** `--data`; undefined for the embedded MNIST. */
  readonly path: string | undefined;
  readonly split: Split;
  /** `--picture-size`, WIDTHxHEIGHT: what pictures of a folder are scaled to. */
  readonly pictureSize?: string | undefined;
}

/** What data can be, for people. */
const formats =
  'a directory of IDX files (train-images-idx3-ubyte), of .npy files, of CIFAR-10 (data_batch_1.bin) or of PNG and JPEG files in folders named after their classes; a .npy or .npz file; or a module (.mjs)';

/** Throws `data-invalid`. */
export async function openDataset(request: DataRequest): Promise<Dataset> {
  const { path, split } = request;
  if (path === undefined) return openIdx(split);
  const facts = await stat(path).catch((cause: unknown) => unreadable(path, cause));
  return facts.isDirectory() ? openDirectory(path, request) : openFile(path, split);
}

async function openFile(path: string, split: Split): Promise<Dataset> {
  switch (extname(path)) {
    case '.npz':
      return openNpz(path, split);
    case '.npy':
      return split === 'train' ? openNpy(`NumPy file ${path}`, [path]) : noSplit(path, split);
    case '.mjs':
    case '.js':
      return openModule(path, split);
    default:
      throw new LockstepError('data-invalid', `${path}: this file is no data set. --data takes ${formats}.`);
  }
}

async function openDirectory(path: string, { split, pictureSize }: DataRequest): Promise<Dataset> {
  const names = (await readdir(path).catch((cause: unknown) => unreadable(path, cause))).toSorted((a, b) => (a < b ? -1 : 1));
  if (names.some((name) => /^(train|t10k|test)-(images|labels)[-.]idx/.test(name))) return openIdx(split, path);
  if (splits.some((each) => cifarFiles(names, each).length > 0)) {
    const own = cifarFiles(names, split);
    return own.length > 0 ? openCifar(path, own) : noSplit(path, split);
  }
  // Folders named after splits hold one each; anything else is the training split.
  if (names.includes('train')) return names.includes(split) ? openPlain(join(path, split), pictureSize) : noSplit(path, split);
  return split === 'train' ? openPlain(path, pictureSize) : noSplit(path, split);
}

async function openPlain(path: string, pictureSize: string | undefined): Promise<Dataset> {
  const names = (await readdir(path).catch((cause: unknown) => unreadable(path, cause))).toSorted((a, b) => (a < b ? -1 : 1));
  const arrays = names.filter((name) => name.endsWith('.npy'));
  if (arrays.length > 0) return openNpyDirectory(path, arrays);
  if (await holdsPictures(path, names)) {
    const [width, height] = (pictureSize ?? '').split('x').map(Number);
    return openPictures(path, height === undefined ? undefined : { width: width!, height });
  }
  throw new LockstepError('data-invalid', `${path}: there is no data set in this directory. --data takes ${formats}.`);
}

function noSplit(path: string, split: Split): never {
  throw new LockstepError(
    'data-invalid',
    `${path} has no ${split} split. Put it into ${join(path, split)}, beside ${join(path, 'train')}.`,
  );
}
