/** Files that NumPy wrote (numpy 2.4.6, with `numpy.save`, `savez` and `lib.format.write_array`), and files that are damaged. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LockstepError } from '@lockstep/shared';
import fc from 'fast-check';
import { residentFile } from './data-file.ts';
import type { Dataset } from './dataset.ts';
import { fieldBytes } from './dataset.ts';
import { readNpyHeader } from './npy.ts';
import { openDataset } from './open-dataset.ts';

const fixtures = fileURLToPath(new URL('../../../../test/fixtures/data', import.meta.url));
const open = (name: string): Promise<Dataset> => openDataset({ path: join(fixtures, name), split: 'train' });

/** The whole of a field, as numbers. */
function valuesOf(dataset: Dataset, name = dataset.fields[0]!.name): number[] {
  const field = dataset.fields.find((each) => each.name === name)!;
  const out = new Uint8Array(dataset.count * fieldBytes(field));
  dataset.read(
    name,
    Uint32Array.from({ length: dataset.count }, (_, id) => id),
    out,
  );
  if (field.dtype === 'uint8') return [...out];
  return [...(field.dtype === 'int32' ? new Int32Array(out.buffer) : new Float32Array(out.buffer))];
}

const good: readonly [file: string, dtype: string, shape: number[], values: number[]][] = [
  ['f8-version1.npy', 'float32', [2], [0.1, -2.5, 1e30, 3].map(Math.fround)],
  ['version2.npy', 'float32', [2], [0, 1, 2, 3, 4, 5]],
  ['version3.npy', 'uint8', [2], [0, 1, 2, 3, 4, 5]],
  ['i8.npy', 'int32', [], [3, -4, 2 ** 31 - 1]],
  ['u2-big-endian.npy', 'int32', [], [1, 65535, 258]],
  ['i4-big-endian.npy', 'int32', [2], [1, -2, 3, 2 ** 30]],
  ['bool.npy', 'uint8', [], [1, 0, 1]],
];
for (const [file, dtype, shape, values] of good) {
  test(`${file} is ${dtype} of shape [${shape.join(', ')}]`, async () => {
    const dataset = await open(file);
    assert.deepEqual(dataset.fields, [{ name: file.replace('.npy', ''), shape, dtype }]);
    assert.deepEqual(valuesOf(dataset), values);
  });
}

const bad: readonly [file: string, says: RegExp][] = [
  ['fortran.npy', /fortran\.npy cannot be used: it is in Fortran order\. Save numpy\.ascontiguousarray\(x\)/],
  ['f2.npy', /its type is '<f2'; b1, u1, .* can be read\. Save x\.astype\('float32'\)/],
  ['structured.npy', /its header names no plain type of numbers \(structured arrays/],
  ['scalar.npy', /it is a single number, without a first dimension/],
];
for (const [file, says] of bad) {
  test(`${file} is refused`, async () => {
    await assert.rejects(
      open(file),
      (error) => error instanceof LockstepError && error.code === 'data-invalid' && says.test(error.message),
    );
  });
}

test('an int64 that int32 cannot hold is refused where it is read, by its sample', async () => {
  const dataset = await open('i8-too-large.npy');
  assert.throws(
    () => valuesOf(dataset),
    (error) =>
      error instanceof LockstepError &&
      /i8-too-large\.npy, field 'i8-too-large': sample 1 holds 2147483648, which is not an int32/.test(error.message),
  );
});

test("arrays of an archive are fields, and those that end in a split's name belong to it", async () => {
  const pixels = Array.from({ length: 24 }, (_, index) => index);
  const compressed = await open('compressed.npz');
  assert.deepEqual(valuesOf(compressed, 'image'), pixels);
  assert.deepEqual(valuesOf(compressed, 'label'), [0, 1, 2, 1]);
  const train = await open('splits.npz');
  assert.deepEqual(
    train.fields.map(({ name, shape, dtype }) => [name, shape, dtype]),
    [
      ['x', [3, 2], 'uint8'],
      ['y', [], 'int32'],
    ],
  );
  assert.deepEqual(valuesOf(train, 'x'), pixels);
  const heldOut = await openDataset({ path: join(fixtures, 'splits.npz'), split: 'test' });
  assert.deepEqual([heldOut.count, valuesOf(heldOut, 'y')], [2, [0, 1]]);
  await assert.rejects(
    openDataset({ path: join(fixtures, 'compressed.npz'), split: 'test' }),
    /has no test split: its arrays are image, label\. Name arrays such as image_test/,
  );
});

test('any bytes after the magic are a header or are refused with a sentence', () => {
  const magic = Buffer.from('\x93NUMPY', 'latin1');
  const text = fc.constantFrom(
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (), }\n",
    "{'descr': '<i8', 'shape': (99999999999999999999,), 'fortran_order': False}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }",
    "{'descr': '__proto__', 'fortran_order': False, 'shape': (2,), }",
  );
  const property = fc.property(
    fc.uint8Array({ maxLength: 60 }),
    fc.nat({ max: 4 }),
    text,
    fc.boolean(),
    (tail, version, header, honest) => {
      const length = Buffer.from([header.length, 0]);
      const start = honest ? Buffer.concat([Buffer.from([version, 0]), length, Buffer.from(header)]) : Buffer.alloc(0);
      try {
        const file = residentFile('any.npy', Buffer.concat([magic, start, tail]));
        const { shape, offset } = readNpyHeader(file);
        assert.ok(offset < file.size && shape.every((size) => size > 0));
      } catch (error) {
        assert.ok(error instanceof LockstepError, String(error));
        assert.match(error.message, /^any\.npy/);
      }
    },
  );
  fc.assert(property, { numRuns: 2000 });
});
