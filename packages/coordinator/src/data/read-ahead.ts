/**
 * Batches that a thread reads while the rounds before them are computed: the step waits only if reading is slower than training.
 *
 * Responsible for: which batches are read, and their memory: those of this and the next data-reading rounds, no more. Not responsible for:
 * reading (`data-thread.ts`).
 */
import { type DataInput, sampleBlocks, sampleBytes } from '@lockstep/shared';
import { advance, type Cursor } from '../core/cursor.ts';
import type { Plan } from '../core/plan.ts';
import type { Batch, Batches } from './batches.ts';
import { batchBytes } from './samples.ts';

/** Batches in memory: one that is computed with, and two ahead. */
export const slotCount = 3;

/** Reads the batch at a position of the data stream into a slot, for a phase. */
export type ReadBatch = (phase: number, position: number, slot: number) => Promise<void>;

interface Slot {
  /** Of the batch in it; -1 if there is none. */
  position: number;
  reading: Promise<void> | undefined;
}

export function createReadAhead(
  inputs: readonly (readonly DataInput[])[],
  plan: Pick<Plan, 'run' | 'phases'>,
  memories: readonly Uint8Array[],
  read: ReadBatch,
): Batches {
  const { batchSize } = plan.run;
  const slots: Slot[] = memories.map(() => ({ position: -1, reading: undefined }));
  const slotAt = (position: number): number => slots.findIndex((slot) => slot.position === position);

  /** Starts to read what is needed from the cursor on, and is neither there nor under way. */
  const readFrom = (cursor: Cursor): void => {
    const wanted = dataRounds(plan, cursor, slots.length);
    const positions = wanted.map(({ samplePosition }) => samplePosition);
    for (const { phase, samplePosition: position } of wanted) {
      if (slotAt(position) >= 0) continue;
      const index = slots.findIndex((slot) => !positions.includes(slot.position) && slot.reading === undefined);
      // Something that is no longer wanted is still being read: only after a position was skipped, which no run does.
      if (index < 0) return;
      const slot = slots[index]!;
      slot.position = position;
      slot.reading = read(phase, position, index).then(() => void (slot.reading = undefined));
      // Whoever waits for it hears of the error; until then it is nobody's.
      slot.reading.catch(() => {});
    }
  };

  return {
    bytes: batchBytes(inputs, batchSize),
    until(cursor) {
      readFrom(cursor);
      return plan.phases[cursor.phase]!.readsData ? slots[slotAt(cursor.samplePosition)]!.reading : undefined;
    },
    at(cursor) {
      if (!plan.phases[cursor.phase]!.readsData) return undefined;
      const index = slotAt(cursor.samplePosition);
      if (index < 0 || slots[index]!.reading !== undefined) throw new Error(`The batch at ${cursor.samplePosition} has not been read`);
      return batchIn(memories[index]!, inputs[cursor.phase]!, batchSize);
    },
  };
}

/** The next `count` rounds that read data, that of the cursor included. A step without any ends the search. */
function dataRounds(plan: Pick<Plan, 'run' | 'phases'>, cursor: Cursor, count: number): Cursor[] {
  const found: Cursor[] = [];
  if (!plan.phases.some(({ readsData }) => readsData)) return found;
  for (let at = cursor; found.length < count; at = advance(plan, at)) if (plan.phases[at.phase]!.readsData) found.push(at);
  return found;
}

function batchIn(batch: Uint8Array, inputs: readonly DataInput[], batchSize: number): Batch {
  const sources = sampleBlocks(inputs, batchSize);
  return {
    copy(ranges, memory) {
      const rows = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
      const blocks = sampleBlocks(inputs, rows);
      blocks.forEach(({ input: { rowBytes }, start }, index) => {
        const from = sources[index]!.start;
        let to = start;
        for (const range of ranges) {
          memory.set(batch.subarray(from + range.start * rowBytes, from + range.end * rowBytes), to);
          to += (range.end - range.start) * rowBytes;
        }
      });
      return memory.subarray(0, sampleBytes(blocks));
    },
  };
}
