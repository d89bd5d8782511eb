/**
 * NumPy's arrays as datasets: a .npy file, a directory of them, or a .npz archive. Each array is a field, called as the file or the array is.
 *
 * In an archive, arrays whose names end in `_train` and `_test` are the fields of these splits, without that ending.
 */
import { basename, join } from 'node:path';
import { LockstepError } from '@lockstep/shared';
import { type DataFile, openDataFile } from './data-file.ts';
import { type Dataset, type Split, splits } from './dataset.ts';
import { type Column, closingOnError, fileDataset } from './file-dataset.ts';
import { readNpyHeader } from './npy.ts';
import { openArchive } from './npz.ts';

/** `paths`: .npy files whose fields belong together. `source`: for people. Throws `data-invalid`. */
export async function openNpy(source: string, paths: readonly string[]): Promise<Dataset> {
  const files: DataFile[] = [];
  return closingOnError(files, async () => {
    for (const path of paths) files.push(await openDataFile(path));
    const named = files.map((file): [string, DataFile] => [basename(file.path, '.npy'), file]);
    return datasetOf(source, named, files);
  });
}

export function openNpyDirectory(directory: string, names: readonly string[]): Promise<Dataset> {
  return openNpy(
    `NumPy files in ${directory}`,
    names.map((name) => join(directory, name)),
  );
}

export async function openNpz(path: string, split: Split): Promise<Dataset> {
  const archive = await openDataFile(path);
  return closingOnError([archive], async () => {
    const arrays = await openArchive(archive);
    const hasSplits = arrays.some(([name]) => splits.some((each) => name.endsWith(`_${each}`)));
    const own = hasSplits
      ? arrays
          .filter(([name]) => name.endsWith(`_${split}`))
          .map(([name, file]): [string, DataFile] => [name.slice(0, -split.length - 1), file])
      : arrays;
    if (own.length === 0 || (!hasSplits && split !== 'train')) {
      const there = arrays.map(([name]) => name).join(', ') || 'none';
      throw new LockstepError(
        'data-invalid',
        `${path} has no ${split} split: its arrays are ${there}. Name arrays such as image_${split}.`,
      );
    }
    return datasetOf(`NumPy archive ${path}`, own, [archive]);
  });
}

function datasetOf(source: string, arrays: readonly (readonly [string, DataFile])[], files: readonly DataFile[]): Dataset {
  const columns: Column[] = [];
  let first: { readonly path: string; readonly count: number } | undefined;
  for (const [name, file] of arrays) {
    const { shape, dtype, storedAs, offset } = readNpyHeader(file);
    const [count, ...rest] = shape;
    first ??= { path: file.path, count };
    if (count !== first.count) {
      throw new LockstepError(
        'data-invalid',
        `${first.path} counts ${first.count} samples, but ${file.path} counts ${count}. They do not belong together; save both again.`,
      );
    }
    columns.push({ field: { name, shape: rest, dtype }, file, offset, storedAs });
  }
  return fileDataset({ source, count: first!.count, files, columns });
}
