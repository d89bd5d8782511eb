/** Each shard gets its own rows of every field, whichever shards a WORK has. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { dataInputs, type Recipe, sampleBlocks, sampleBytes } from '@lockstep/shared';
import { createDataInputs } from './data-inputs.ts';

const recipe = {
  data: {
    image: { shape: [3], range: [0, 255] },
    label: { shape: [], dtype: 'int32' },
    depth: { shape: [2], dtype: 'float32' },
  },
  phases: [{ inputs: ['depth', 'z', 'image', 'label'] }, { inputs: ['z'] }],
} as unknown as Recipe;
const [all, none] = recipe.phases;
const sizes = [3, 2, 2];
const starts = [0, 3, 5];

/** Row `row` of the batch: pixels row, row + 1, row + 2; label -row; depths row / 2 and row / 4. */
function samplesOf(rows: readonly number[]): Uint8Array {
  const blocks = sampleBlocks(dataInputs(recipe), rows.length);
  const samples = new Uint8Array(sampleBytes(blocks));
  const [image, label, depth] = blocks.map(({ start, end }) => samples.subarray(start, end));
  const bytes = (numbers: Int32Array | Float32Array): Uint8Array => new Uint8Array(numbers.buffer);
  image!.set(rows.flatMap((row) => [row, row + 1, row + 2]));
  label!.set(bytes(Int32Array.from(rows, (row) => -row)));
  depth!.set(bytes(Float32Array.from(rows.flatMap((row) => [row / 2, row / 4]))));
  return samples;
}

test('rows of every field, for any shards', () => {
  const dataOf = createDataInputs(recipe, sizes);
  for (const shards of [[0, 1, 2], [1], [0, 2], [2]]) {
    const rows = shards.flatMap((shard) => Array.from({ length: sizes[shard]! }, (_, index) => starts[shard]! + index));
    const data = dataOf(all!, shards, samplesOf(rows));
    for (const shard of shards) {
      const own = Array.from({ length: sizes[shard]! }, (_, index) => starts[shard]! + index);
      const { image, label, depth } = data(shard);
      assert.deepEqual(image, Float32Array.from(own.flatMap((row) => [row, row + 1, row + 2])));
      assert.deepEqual(
        label,
        Int32Array.from(own, (row) => -row),
      );
      assert.deepEqual(depth, Float32Array.from(own.flatMap((row) => [row / 2, row / 4])));
    }
  }
});

test('a phase that reads no data gets none, and samples of another length are a mistake', () => {
  const dataOf = createDataInputs(recipe, sizes);
  assert.deepEqual(dataOf(none!, [0], new Uint8Array(0))(0), {});
  assert.throws(() => dataOf(all!, [0], new Uint8Array(5)), /5 bytes of samples for shards 0, which take 48/);
});
