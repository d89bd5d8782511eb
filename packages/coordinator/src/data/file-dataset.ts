/** Datasets whose fields are arrays in files: rows of equal length, one after the other. */
import { createHash } from 'node:crypto';
import { type DataFile, hashFile, readRows } from './data-file.ts';
import { type Dataset, type Field, fieldBytes } from './dataset.ts';

/** Where a field lies. */
export interface Column {
  readonly field: Field;
  readonly file: DataFile;
  /** Of its first row. */
  readonly offset: number;
}

export interface FileDataset {
  readonly source: string;
  readonly count: number;
  /** All of them, in the order in which they are hashed. */
  readonly files: readonly DataFile[];
  readonly columns: readonly Column[];
}

export function fileDataset({ source, count, files, columns }: FileDataset): Dataset {
  return {
    source,
    count,
    fields: columns.map(({ field }) => field),
    isResident: files.every(({ isResident }) => isResident),
    stamp: stampOf(files),
    computeSha256: () => sha256Of(files),
    read(name, ids, out) {
      const { field, file, offset } = columns.find((column) => column.field.name === name) ?? noField(name);
      checkIds(ids, count);
      readRows(file, offset, fieldBytes(field), ids, out);
    },
    close: () => files.forEach((file) => file.close()),
  };
}

export function stampOf(files: readonly DataFile[]): string {
  return files.map(({ stamp }) => stamp).join('\n');
}

/** Over the content of files, one after the other. */
export function sha256Of(files: readonly DataFile[]): string {
  const hash = createHash('sha256');
  for (const file of files) hashFile(hash, file);
  return hash.digest('hex');
}

export function checkIds(ids: Uint32Array, count: number): void {
  const bad = ids.find((id) => id >= count);
  if (bad !== undefined) throw new Error(`There is no sample ${bad}`);
}

export function noField(name: string): never {
  throw new Error(`There is no field ${name}`);
}

/** What `open` returns; if it throws, no file stays open. */
export function closingOnError<T>(files: readonly DataFile[], open: () => T): T {
  try {
    return open();
  } catch (error) {
    files.forEach((file) => file.close());
    throw error;
  }
}
