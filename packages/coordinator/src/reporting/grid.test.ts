import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PNG } from 'pngjs';
import { encodeGrid, pictureShape } from './grid.ts';

const options = { count: 3, shape: [2, 3], range: [-1, 1], columns: 2 } as const;
const pictures = Float32Array.of(-1, 0, 1, 1, 0, -1, 0.5, 0.5, 0.5, -0.5, -0.5, -0.5, 2, -2, Number.NaN, Infinity, -Infinity, 1);

function decode(bytes: Buffer): { width: number; height: number; at: (x: number, y: number) => number } {
  const { width, height, data } = PNG.sync.read(bytes);
  return { width, height, at: (x, y) => data[(y * width + x) * 4]! };
}

test('pictures lie in rows, doubled, with a gutter between them', async () => {
  const { width, height, at } = decode(await encodeGrid(pictures, options));
  assert.deepEqual([width, height], [2 + 2 * 8, 2 + 2 * 6]);
  const doubled = (left: number, top: number, row: number): number[] => {
    const pixels = [0, 1, 2].map((column) => at(left + 2 * column, top + 2 * row));
    for (const [dx, dy] of [
      [1, 0],
      [0, 1],
      [1, 1],
    ] as const) {
      assert.deepEqual(
        [0, 1, 2].map((column) => at(left + 2 * column + dx, top + 2 * row + dy)),
        pixels,
      );
    }
    return pixels;
  };
  assert.deepEqual(
    [doubled(2, 2, 0), doubled(2, 2, 1)],
    [
      [0, 128, 255],
      [255, 128, 0],
    ],
  );
  assert.deepEqual(
    [doubled(10, 2, 0), doubled(10, 2, 1)],
    [
      [191, 191, 191],
      [64, 64, 64],
    ],
  );
  // Values outside the range are clamped; NaN is black.
  assert.deepEqual(
    [doubled(2, 8, 0), doubled(2, 8, 1)],
    [
      [255, 0, 0],
      [255, 0, 255],
    ],
  );
  const ground = at(0, 0);
  for (const [x, y] of [
    [1, 1],
    [8, 3],
    [9, 3],
    [3, 6],
    [3, 7],
    [17, 3],
    [3, 13],
    [10, 8],
    [15, 11],
  ] as const)
    assert.equal(at(x, y), ground);
});

test('any range works, even one that is upside down', async () => {
  const grey = async (value: number, range: readonly [number, number]): Promise<number> =>
    decode(await encodeGrid(Float32Array.of(value), { count: 1, shape: [1, 1], range, columns: 8 })).at(2, 2);
  assert.deepEqual(
    await Promise.all([grey(0, [0, 1]), grey(1, [0, 1]), grey(51, [0, 255]), grey(0, [1, 0]), grey(1, [1, 0])]),
    [0, 255, 51, 255, 0],
  );
});

test('a third dimension of three is red, green and blue', async () => {
  const colours = Float32Array.of(-1, 0, 1, 1, -1, -1);
  const { width, height, data } = PNG.sync.read(await encodeGrid(colours, { count: 1, shape: [1, 2, 3], range: [-1, 1], columns: 1 }));
  assert.deepEqual([width, height], [2 + 6, 2 + 4]);
  const at = (x: number, y: number): number[] => [...data.subarray((y * width + x) * 4, (y * width + x) * 4 + 3)];
  assert.deepEqual(
    [at(2, 2), at(3, 3), at(4, 2), at(5, 3)],
    [0, 0, 2, 2].map((first) => (first === 0 ? [0, 128, 255] : [255, 0, 0])),
  );
  assert.deepEqual(at(0, 0), [96, 96, 96]);
});

test("pictures have the recipe's shape if it has colours, otherwise the data's", () => {
  assert.deepEqual(pictureShape([784], [28, 28]), [28, 28]);
  assert.deepEqual(pictureShape([14, 56], [28, 28]), [28, 28]);
  assert.deepEqual(pictureShape([28, 28, 1], [28, 28]), [28, 28]);
  assert.deepEqual(pictureShape([32, 16, 3], [32, 48]), [32, 16, 3]);
  assert.deepEqual(pictureShape([1536], [32, 16, 3]), [32, 16, 3]);
});

test('the same pictures give the same bytes', async () => {
  assert.deepEqual(await encodeGrid(pictures, options), await encodeGrid(pictures.slice(), options));
});

test('a large grid gives others their turn, and shows the same', async () => {
  const [count, size] = [64, 128];
  const values = Float32Array.from({ length: count * size * size }, (_, index) => Math.sin(index));
  let turns = 0;
  const counting = setInterval(() => (turns += 1), 0);
  const { width, height, at } = decode(await encodeGrid(values, { count, shape: [size, size], range: [-1, 1], columns: 8 }));
  clearInterval(counting);
  assert.ok(turns > 0);
  assert.deepEqual([width, height], [8 * 258 + 2, 8 * 258 + 2]);
  // The last pixel of the last picture, and the first of the first.
  assert.deepEqual(
    [at(2, 2), at(width - 3, height - 3)],
    [values[0]!, values.at(-1)!].map((value) => Math.round(((value + 1) / 2) * 255)),
  );
});

test('pictures that do not match the options are a mistake', async () => {
  await assert.rejects(encodeGrid(pictures, { ...options, count: 4 }), /18 values are not 4 pictures of 2 x 3$/);
  await assert.rejects(encodeGrid(new Float32Array(0), { ...options, count: 0 }), /0 pictures/);
});
