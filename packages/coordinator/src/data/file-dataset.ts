/** Datasets whose fields are arrays in files: rows of equal length, one after the other. */
import { createHash } from 'node:crypto';
import { elementCount, LockstepError } from '@lockstep/shared';
import { type DataFile, hashFile, readRows } from './data-file.ts';
import { type Dataset, type Field, fieldBytes } from './dataset.ts';

/** Elements that are stored in another way than they are read: how many bytes each takes, and what it is. */
export interface StoredAs {
  readonly bytes: number;
  readonly get: (view: DataView, offset: number) => number;
}

/** Where a field lies. */
export interface Column {
  readonly field: Field;
  readonly file: DataFile;
  /** Of its first row. */
  readonly offset: number;
  /** Absent if elements lie there as they are read. */
  readonly storedAs?: StoredAs | undefined;
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
      const column = columns.find(({ field }) => field.name === name) ?? noField(name);
      checkIds(ids, count);
      if (column.storedAs === undefined) readRows(column.file, column.offset, fieldBytes(column.field), ids, out);
      else readConverted(column, column.storedAs, ids, out);
    },
    close: () => files.forEach((file) => file.close()),
  };
}

function readConverted({ field, file, offset }: Column, { bytes, get }: StoredAs, ids: Uint32Array, out: Uint8Array): void {
  const elements = elementCount(field.shape);
  checkRoom(field, ids, out);
  const stored = new Uint8Array(ids.length * elements * bytes);
  readRows(file, offset, elements * bytes, ids, stored);
  const view = new DataView(stored.buffer);
  const target = numbersIn(field, out);
  for (let index = 0; index < target.length; index += 1) {
    const value = get(view, index * bytes);
    target[index] = value;
    if (field.dtype === 'int32' && target[index] !== value) {
      throw new LockstepError(
        'data-invalid',
        `${file.path}, field '${field.name}': sample ${ids[Math.floor(index / elements)]} holds ${value}, which is not an int32. Store numbers from -2147483648 to 2147483647.`,
      );
    }
  }
}

/** `out` as elements of the field; it must lie at a multiple of their size. */
function numbersIn({ dtype }: Field, { buffer, byteOffset, byteLength }: Uint8Array): Uint8Array | Int32Array | Float32Array {
  if (dtype === 'uint8') return new Uint8Array(buffer, byteOffset, byteLength);
  return dtype === 'int32' ? new Int32Array(buffer, byteOffset, byteLength / 4) : new Float32Array(buffer, byteOffset, byteLength / 4);
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

export function checkRoom(field: Field, ids: Uint32Array, out: Uint8Array): void {
  const bytes = fieldBytes(field);
  if (out.length !== ids.length * bytes) throw new Error(`${ids.length} rows of ${bytes} bytes do not fit ${out.length} bytes`);
}

export function noField(name: string): never {
  throw new Error(`There is no field ${name}`);
}

/** What `open` returns; if it throws, no file stays open. */
export async function closingOnError<T>(files: readonly DataFile[], open: () => T | Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    files.forEach((file) => file.close());
    throw error;
  }
}
