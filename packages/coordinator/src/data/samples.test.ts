/** What a recipe reads of a dataset: refused if it is not there, and copied as it travels. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DataInput, dataInputs, dataInputsOf, LockstepError, type Recipe, sampleBlocks } from '@lockstep/shared';
import fc from 'fast-check';
import { residentFile } from './data-file.ts';
import type { Field } from './dataset.ts';
import { fileDataset } from './file-dataset.ts';
import { batchBytes, checkClasses, checkFields, createSampleReader, fieldOf } from './samples.ts';

const count = 7;
const fields: readonly Field[] = [
  { name: 'depth', shape: [], dtype: 'float32' },
  { name: 'image', shape: [1, 3], dtype: 'uint8' },
  { name: 'label', shape: [], dtype: 'uint8' },
  { name: 'box', shape: [2], dtype: 'int32' },
];
const images = Uint8Array.from({ length: count * 3 }, (_, index) => index * 9);
const labels = Uint8Array.from({ length: count }, (_, id) => 255 - id);
const boxes = Int32Array.from({ length: count * 2 }, (_, index) => 1000 * index - 5);
const depths = Float32Array.from({ length: count }, (_, id) => id / 3);
const arrays: Record<string, Uint8Array> = {
  image: images,
  label: labels,
  box: new Uint8Array(boxes.buffer),
  depth: new Uint8Array(depths.buffer),
};
const columns = fields.map((field) => ({ field, file: residentFile(field.name, arrays[field.name]!), offset: 0 }));
const dataset = fileDataset({ source: 'the data of this test', count, files: columns.map(({ file }) => file), columns });

/** A recipe whose phases read what is listed. */
function reading(data: Recipe['data'], ...phases: readonly string[][]): Recipe {
  return { name: 'r', real: { shape: [3], range: [0, 1] }, data, phases: phases.map((inputs) => ({ inputs })) } as unknown as Recipe;
}
const inputsOf = (recipe: Recipe): DataInput[][] => recipe.phases.map((phase) => dataInputsOf(recipe, phase));
const label = { shape: [], dtype: 'int32' } as const;
const everything = reading(
  { label, box: { shape: [2, 1], dtype: 'int32' }, depth: { shape: [], dtype: 'float32' } },
  ['z', 'depth', 'label', 'real', 'box'],
  ['z'],
  ['real'],
);

test('samples of any shards hold what the dataset holds, field by field, each from a multiple of four bytes on', () => {
  const inputs = inputsOf(everything)[0]!;
  const reader = createSampleReader(inputs, dataset);
  const ids = fc.nat({ max: count - 1 });
  const runs = fc.array(fc.array(ids, { maxLength: 4 }), { maxLength: 3 });
  fc.assert(
    fc.property(runs, (shards) => {
      const memory = new Uint8Array(batchBytes([inputs], 12)).fill(77);
      const samples = reader.read(
        shards.map((shard) => Uint32Array.from(shard)),
        memory,
      );
      const all = shards.flat();
      const blocks = sampleBlocks(inputs, all.length);
      const bytesOf = (name: string): Uint8Array => {
        const { start, end } = blocks.find(({ input }) => input.name === name)!;
        assert.equal(start % 4, 0);
        return samples.slice(start, end);
      };
      assert.deepEqual(
        [...bytesOf('real')],
        all.flatMap((id) => [...images.subarray(id * 3, id * 3 + 3)]),
      );
      assert.deepEqual(
        [...new Int32Array(bytesOf('label').buffer)],
        all.map((id) => labels[id]!),
      );
      assert.deepEqual(
        [...new Int32Array(bytesOf('box').buffer)],
        all.flatMap((id) => [...boxes.subarray(id * 2, id * 2 + 2)]),
      );
      assert.deepEqual(
        [...new Float32Array(bytesOf('depth').buffer)],
        all.map((id) => depths[id]!),
      );
    }),
  );
});

test('real alone is the pixels and nothing else, and a phase that reads no data takes no room', () => {
  const real = createSampleReader(inputsOf(everything)[2]!, dataset);
  assert.deepEqual([...real.read([Uint32Array.of(1)], new Uint8Array(8))], [27, 36, 45]);
  assert.equal(batchBytes(inputsOf(reading({}, ['z'])), 2), 0);
  assert.equal(batchBytes(inputsOf(everything), 2), 40);
});

test('real is the first field of pixels; other inputs are fields of their own name', () => {
  assert.equal(fieldOf({ name: 'real' }, dataset)!.name, 'image');
  assert.equal(fieldOf({ name: 'label' }, dataset)!.name, 'label');
  assert.equal(fieldOf({ name: 'real' }, { fields: fields.filter(({ name }) => name !== 'image') }), undefined);
});

const check = (recipe: Recipe): void => {
  checkFields(recipe, dataset);
  checkClasses(recipe.name, dataInputs(recipe), dataset);
};

test('a recipe that reads what the dataset has passes', () => {
  check(everything);
  check(reading({ label: { ...label, classes: 256 } }));
});

const refused: readonly [what: string, data: Recipe['data'], says: RegExp][] = [
  ['a field that is not there', { mask: label }, /reads a field 'mask', but the data of this test has only depth, image, label, box\./],
  [
    'another size',
    { box: { shape: [3], dtype: 'int32' } },
    /wants samples of 3 numbers as data\.box, but the data of this test has 2 there/,
  ],
  ['another size of pixels', { image: { shape: [2], range: [0, 1] } }, /wants samples of 2 pixels as data\.image, but .* has 1 x 3 there/],
  ['numbers as pixels', { box: { shape: [2], range: [0, 1] } }, /reads data\.box as uint8, .* has int32 there.*dtype 'int32'/],
  ['pixels as floats', { image: { shape: [3], dtype: 'float32' } }, /reads data\.image as float32, .* has uint8 there.*a range/],
  [
    'too many classes',
    { label: { ...label, classes: 250 } },
    /field 'label': sample 0 has the value 255, and the recipe 'r' has 250 classes, 0 to 249\. Change data\.label\.classes/,
  ],
  ['classes below 0', { box: { shape: [2], dtype: 'int32', classes: 100_000 } }, /field 'box': sample 0 has the value -5/],
];
for (const [what, data, says] of refused) {
  test(`${what} is refused`, () => {
    assert.throws(
      () => check(reading(data)),
      (error) => error instanceof LockstepError && error.code === 'data-invalid' && says.test(error.message),
    );
  });
}
