/**
 * What a dataset is: samples of named fields, read by their ids.
 *
 * Not responsible for: formats (`open-dataset.ts`), which fields a recipe reads and how they travel (`samples.ts`), or the order of ids
 * (`stream.ts`).
 */
import { type DataType, dataTypes, elementCount } from '@lockstep/shared';

export interface Field {
  /** What a recipe calls it: `image`, `label`. */
  readonly name: string;
  /** Of one sample; `[]` for a label. */
  readonly shape: readonly number[];
  readonly dtype: DataType;
}

/** Parts of a dataset. A run trains on `train`. */
export const splits = ['train', 'test'] as const;
export type Split = (typeof splits)[number];

/** One split of a dataset. */
export interface Dataset {
  /** What it is and where, for people: 'IDX files in /data'. */
  readonly source: string;
  /** Samples. Their ids are 0 to `count` - 1. */
  readonly count: number;
  readonly fields: readonly Field[];
  /** Identity of the data: SHA-256, lower-case hex, over its files. */
  readonly sha256: string;
  /**
   * Copies a field of the samples `ids`, in order, repeats included, into `out`: [ids.length, ...shape], row-major, little-endian. Throws
   * (a programmer's error) on an id or a field that is not there, or an `out` of another length.
   */
  read(field: string, ids: Uint32Array, out: Uint8Array): void;
}

/** Bytes of one sample's field. */
export function fieldBytes({ shape, dtype }: Field): number {
  return elementCount(shape) * dataTypes[dtype];
}

/** `read` over arrays in memory: [count, ...shape] by field. */
export function readArrays(fields: readonly Field[], arrays: Readonly<Record<string, Uint8Array>>): Dataset['read'] {
  const rowBytes = new Map(fields.map((field) => [field.name, fieldBytes(field)]));
  return (name, ids, out) => {
    const array = arrays[name];
    const bytes = rowBytes.get(name);
    if (array === undefined || bytes === undefined) throw new Error(`There is no field ${name}`);
    if (out.length !== ids.length * bytes) throw new Error(`${ids.length} samples of ${bytes} bytes do not fit ${out.length} bytes`);
    ids.forEach((id, row) => {
      const start = id * bytes;
      if (start >= array.length) throw new Error(`There is no sample ${id}`);
      out.set(array.subarray(start, start + bytes), row * bytes);
    });
  };
}
