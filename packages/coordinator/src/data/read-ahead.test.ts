/** Batches are read before their round, few at a time, and hold what data in memory would have given. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dataInputsOf, type Recipe, type RunSettings } from '@lockstep/shared';
import { advance, type Cursor, startOfRun } from '../core/cursor.ts';
import { createResidentBatches } from './batches.ts';
import { residentFile } from './data-file.ts';
import { fileDataset } from './file-dataset.ts';
import { createReadAhead, slotCount } from './read-ahead.ts';
import { createSampleReader } from './samples.ts';
import { createIdStream } from './stream.ts';

const count = 11;
const image = residentFile(
  'image',
  Uint8Array.from({ length: count * 3 }, (_, index) => index),
);
const label = residentFile(
  'label',
  Uint8Array.from({ length: count }, (_, id) => 200 + id),
);
const dataset = fileDataset({
  source: 'a test',
  count,
  files: [image, label],
  columns: [
    { field: { name: 'image', shape: [3], dtype: 'uint8' }, file: image, offset: 0 },
    { field: { name: 'label', shape: [], dtype: 'uint8' }, file: label, offset: 0 },
  ],
});
const recipe = {
  data: { image: { shape: [3], range: [0, 1] }, label: { shape: [], dtype: 'int32' } },
  phases: [{ inputs: ['image', 'label'] }, { inputs: ['z'] }, { inputs: ['label'] }],
} as unknown as Recipe;
const inputs = recipe.phases.map((phase) => dataInputsOf(recipe, phase));
const plan = {
  run: { seed: 5, batchSize: 4 } as unknown as RunSettings,
  phases: inputs.map((ofPhase, index) => ({ name: `p${index}`, updates: [], repeat: 1 + (index % 2), readsData: ofPhase.length > 0 })),
};
const resident = createResidentBatches(inputs, dataset, plan.run);

/** `settle` ends one read after the other, or all of them as soon as they begin. */
function readAhead(settle: 'later' | 'at once') {
  const memories = Array.from({ length: slotCount }, () => new Uint8Array(resident.bytes));
  const stream = createIdStream(plan.run.seed, count);
  const reads: { position: number; finish: () => void }[] = [];
  const batches = createReadAhead(inputs, plan, memories, (phase, position, slot) => {
    const finish = (): void =>
      void createSampleReader(inputs[phase]!, dataset).read([stream.idsAt(position, plan.run.batchSize)], memories[slot]!);
    if (settle === 'at once') {
      finish();
      reads.push({ position, finish });
      return Promise.resolve();
    }
    return new Promise((resolve) =>
      reads.push({
        position,
        finish: () => {
          finish();
          resolve();
        },
      }),
    );
  });
  return { batches, reads };
}

test('every batch equals what data in memory gives, for any rows, over epochs and phases that read different fields', async () => {
  const { batches, reads } = readAhead('at once');
  let cursor: Cursor = startOfRun;
  for (let round = 0; round < 40; round += 1) {
    await batches.until(cursor);
    for (const ranges of [
      [{ start: 0, end: 4 }],
      [{ start: 2, end: 3 }],
      [
        { start: 0, end: 1 },
        { start: 3, end: 4 },
      ],
    ]) {
      const own = batches.at(cursor)?.copy(ranges, new Uint8Array(batches.bytes));
      assert.deepEqual(own, resident.at(cursor)?.copy(ranges, new Uint8Array(resident.bytes)));
      assert.equal(own === undefined, cursor.phase === 1);
    }
    cursor = advance(plan, cursor);
  }
  const positions = reads.map(({ position }) => position);
  assert.deepEqual(positions, [...new Set(positions)], 'no batch was read twice');
});

test('as many batches as there are slots are read ahead; a round waits for its own alone', async () => {
  const { batches, reads } = readAhead('later');
  const first = batches.until(startOfRun)!;
  assert.deepEqual(
    reads.map(({ position }) => position),
    [0, 4, 8],
  );
  assert.throws(() => batches.at(startOfRun), /has not been read/);
  reads[0]!.finish();
  await first;
  assert.ok(batches.at(startOfRun));
  // Reads no data, so it waits for nothing; nothing more is read, since the batch before may still be asked for.
  const second = advance(plan, startOfRun);
  assert.equal(batches.until(second), undefined);
  assert.equal(reads.length, 4);
  const third = advance(plan, advance(plan, second));
  let there = false;
  const waiting = batches.until(third)!.then(() => (there = true));
  assert.equal(there, false);
  reads[1]!.finish();
  await waiting;
  assert.ok(batches.at(third));
});

test('a batch that cannot be read rejects the wait for it, and nothing before', async () => {
  const memories = Array.from({ length: slotCount }, () => new Uint8Array(resident.bytes));
  const batches = createReadAhead(inputs, plan, memories, (_, position) =>
    position === 4 ? Promise.reject(new Error('unreadable')) : Promise.resolve(),
  );
  await batches.until(startOfRun);
  const next = advance(plan, startOfRun);
  assert.equal(batches.until(next), undefined);
  await assert.rejects(batches.until(advance(plan, advance(plan, next)))!, /unreadable/);
});
