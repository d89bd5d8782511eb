/**
 * The binary version of CIFAR-10 (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html) as a dataset: data_batch_1.bin and so on,
 * and test_batch.bin. A record is one byte of label and 32 x 32 pixels: all red ones, then green, then blue. They are read as [32, 32, 3].
 */
import { join } from 'node:path';
import { LockstepError } from '@lockstep/shared';
import { type DataFile, openDataFile } from './data-file.ts';
import type { Dataset, Field, Split } from './dataset.ts';
import { checkIds, checkRoom, closingOnError, noField, sha256Of, stampOf } from './file-dataset.ts';

const [side, channels] = [32, 3];
const plane = side * side;
const recordBytes = 1 + channels * plane;
const image: Field = { name: 'image', shape: [side, side, channels], dtype: 'uint8' };
const label: Field = { name: 'label', shape: [], dtype: 'uint8' };

const patterns: Readonly<Record<Split, RegExp>> = { train: /^data_batch_\d+\.bin$/, test: /^test_batch\.bin$/ };

/** Names of a split's files among `names`, in order. */
export function cifarFiles(names: readonly string[], split: Split): string[] {
  const own = names.filter((name) => patterns[split].test(name));
  return own.toSorted((a, b) => Number(/\d+/.exec(a)?.[0]) - Number(/\d+/.exec(b)?.[0]));
}

/** Throws `data-invalid`. */
export async function openCifar(directory: string, names: readonly string[]): Promise<Dataset> {
  const files: DataFile[] = [];
  return closingOnError(files, async () => {
    for (const name of names) files.push(await openDataFile(join(directory, name)));
    for (const { path, size } of files) {
      if (size > 0 && size % recordBytes === 0) continue;
      throw new LockstepError(
        'data-invalid',
        `${path} has ${size} bytes, which is not a number of records of ${recordBytes} bytes: it is truncated, or not CIFAR-10's binary version. Fetch it again.`,
      );
    }
    return datasetOf(directory, files);
  });
}

function datasetOf(directory: string, files: readonly DataFile[]): Dataset {
  const ends: number[] = [];
  for (const { size } of files) ends.push((ends.at(-1) ?? 0) + size / recordBytes);
  const count = ends.at(-1)!;
  const record = new Uint8Array(recordBytes);
  const readRecord = (id: number): void => {
    const index = ends.findIndex((end) => id < end);
    files[index]!.read((id - (ends[index - 1] ?? 0)) * recordBytes, record);
  };
  return {
    source: `CIFAR-10's binary files in ${directory}`,
    count,
    fields: [image, label],
    isResident: files.every(({ isResident }) => isResident),
    stamp: stampOf(files),
    computeSha256: () => sha256Of(files),
    read(name, ids, out) {
      const field = [image, label].find((each) => each.name === name) ?? noField(name);
      checkIds(ids, count);
      checkRoom(field, ids, out);
      ids.forEach((id, row) => {
        readRecord(id);
        if (field === label) out[row] = record[0]!;
        else interleave(record, out.subarray(row * plane * channels));
      });
    },
    close: () => files.forEach((file) => file.close()),
  };
}

function interleave(record: Uint8Array, out: Uint8Array): void {
  for (let pixel = 0; pixel < plane; pixel += 1) {
    for (let channel = 0; channel < channels; channel += 1) out[pixel * channels + channel] = record[1 + channel * plane + pixel]!;
  }
}
