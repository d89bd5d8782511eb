/**
 * The samples of rounds: which they are follows from the cursor, and they are there before their round begins.
 *
 * Responsible for: what trainers know of data, and data in memory. Not responsible for: data that is read ahead by a thread
 * (`read-ahead.ts`), or how blocks lie (`samples.ts`).
 */
import type { DataInput } from '@lockstep/shared';
import type { Cursor } from '../core/cursor.ts';
import type { Dataset } from './dataset.ts';
import { batchBytes, createSampleReader } from './samples.ts';
import { createIdStream } from './stream.ts';

/** Rows [start, end) of a batch. */
export interface Rows {
  readonly start: number;
  readonly end: number;
}

export interface Batch {
  /** Writes what the phase reads of these rows, one range after the other, to the start of `memory`, and returns their bytes. */
  copy(ranges: readonly Rows[], memory: Uint8Array): Uint8Array;
}

export interface Batches {
  /** The most that a batch of any phase takes, in whole float32. */
  readonly bytes: number;
  /** Of the round at the cursor; undefined if its phase reads no data. Ask `until` before. */
  at(cursor: Cursor): Batch | undefined;
  /** Resolves once `at` can be asked; undefined if it can be now. Rejects (`data-invalid`) if the data cannot be read. */
  until(cursor: Cursor): Promise<void> | undefined;
}

/** Of data in memory. `inputs`: what each phase reads. */
export function createResidentBatches(
  inputs: readonly (readonly DataInput[])[],
  dataset: Pick<Dataset, 'count' | 'fields' | 'read'>,
  { seed, batchSize }: { readonly seed: number; readonly batchSize: number },
): Batches {
  const stream = createIdStream(seed, dataset.count);
  const readers = inputs.map((ofPhase) => (ofPhase.length === 0 ? undefined : createSampleReader(ofPhase, dataset)));
  return {
    bytes: batchBytes(inputs, batchSize),
    at({ phase, samplePosition }) {
      const reader = readers[phase];
      if (reader === undefined) return undefined;
      const ids = stream.idsAt(samplePosition, batchSize);
      return {
        copy: (ranges, memory) =>
          reader.read(
            ranges.map(({ start, end }) => ids.subarray(start, end)),
            memory,
          ),
      };
    },
    until: () => undefined,
  };
}
