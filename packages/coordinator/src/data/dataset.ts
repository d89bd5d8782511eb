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

/** What a run and its files say about the data. */
export interface DatasetInfo {
  /** What it is and where, for people: 'IDX files in /data'. */
  readonly source: string;
  /** Samples. Their ids are 0 to `count` - 1. */
  readonly count: number;
  readonly fields: readonly Field[];
  /** Identity of the data: SHA-256, lower-case hex. */
  readonly sha256: string;
}

/** One split of a dataset, opened. */
export interface Dataset extends Omit<DatasetInfo, 'sha256'> {
  /** It is in memory, so that reading takes no time. Other data is read in a thread of its own (`data-thread.ts`). */
  readonly isResident: boolean;
  /** Paths, sizes and times of its files: other data has another stamp. Undefined if nothing can tell. */
  readonly stamp: string | undefined;
  /** Reads everything once, which may take minutes. Throws `data-invalid` if a part cannot be read. */
  computeSha256(): string;
  /**
   * Copies a field of the samples `ids`, in order, repeats included, into `out`: [ids.length, ...shape], row-major, little-endian. Throws
   * `data-invalid` where the data has become unreadable, and a plain Error (a programmer's) on an id or a field that is not there, or an
   * `out` of another length.
   */
  read(field: string, ids: Uint32Array, out: Uint8Array): void;
  close(): void;
}

/** Bytes of one sample's field. */
export function fieldBytes({ shape, dtype }: Field): number {
  return elementCount(shape) * dataTypes[dtype];
}
