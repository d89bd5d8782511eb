import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { streams } from '../rng.ts';
import { initialFlat } from './initial-weights.ts';
import type { Initializer, Manifest } from './manifest.ts';
import { elementCount } from '../shape.ts';

type Layout = readonly (readonly [shape: readonly number[], initializer: Initializer])[];

function manifestOf(layout: Layout): Manifest {
  let length = 0;
  const parameters = layout.map(([shape, initializer], index) => {
    const offset = length;
    length += elementCount(shape);
    return { name: `layer${index}/kernel`, shape, offset, initializer };
  });
  return { parameters, length, topology: {} };
}

function draw(layout: Layout, seed = 1, stream: number = streams.initialWeights): Float32Array {
  return initialFlat(manifestOf(layout), seed, stream);
}

function moments(values: Float32Array): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}

const near = (value: number, expected: number, tolerance: number): void =>
  assert.ok(Math.abs(value - expected) < tolerance, `${value} is not near ${expected}`);

test('constant fills', () => {
  assert.deepEqual([...draw([[[2, 2], { kind: 'constant', value: 0.5 }]])], [0.5, 0.5, 0.5, 0.5]);
});

test('uniform stays within its limits and is spread between them', () => {
  const values = draw([[[200, 100], { kind: 'uniform', min: -0.25, max: 0.75 }]]);
  assert.ok(values.every((value) => value >= -0.25 && value <= 0.75));
  const { mean, deviation } = moments(values);
  near(mean, 0.25, 0.01);
  near(deviation, 1 / Math.sqrt(12), 0.005);
});

test('normal has its mean and deviation, an odd count included', () => {
  const { mean, deviation } = moments(draw([[[20_001], { kind: 'normal', mean: 3, deviation: 0.5 }]]));
  near(mean, 3, 0.02);
  near(deviation, 0.5, 0.015);
});

test('truncated normal ends at two deviations and has the deviation that this leaves', () => {
  const values = draw([[[20_001], { kind: 'truncated-normal', mean: 3, deviation: 0.5 }]]);
  assert.ok(values.every((value) => Math.abs(value - 3) <= 1));
  assert.ok(values.some((value) => Math.abs(value - 3) > 0.95));
  const { mean, deviation } = moments(values);
  near(mean, 3, 0.02);
  near(deviation, 0.5 * 0.87963, 0.01);
});

test('identity, and parts in their order', () => {
  assert.deepEqual([...draw([[[2, 2], { kind: 'identity', gain: 3 }]])], [3, 0, 0, 3]);
  const uniform = { kind: 'uniform', min: 2, max: 3 } as const;
  const one = { kind: 'constant', value: 1 } as const;
  const initializers = [uniform, one, uniform];
  const parts: Initializer = { kind: 'parts', parts: [2, 1, 3].map((length, index) => ({ length, initializer: initializers[index]! })) };
  const values = [...draw([[[6], parts]])];
  assert.equal(values[2], 1);
  assert.ok(values.every((value, index) => index === 2 || value >= 2));
  assert.equal(new Set(values).size, 6);
  assert.throws(() => draw([[[7], parts]]), /parts of layer0\/kernel have 6 of 7/);
});

/** [rows, columns] of a kernel. */
for (const shape of [
  [7, 7],
  [40, 11],
  [11, 40],
  [3, 3, 2, 50],
  [1, 5],
  [5, 1],
]) {
  test(`orthogonal of shape ${shape.join(' x ')}: as many orthonormal columns, or rows, as fit`, () => {
    const values = draw([[shape, { kind: 'orthogonal', gain: 2 }]]);
    const columns = shape.at(-1)!;
    const rows = values.length / columns;
    const vectors = Array.from({ length: Math.min(rows, columns) }, (_, index) =>
      rows >= columns
        ? Array.from({ length: rows }, (__, row) => values[row * columns + index]!)
        : [...values.subarray(index * columns, (index + 1) * columns)],
    );
    for (const [i, a] of vectors.entries())
      for (const [j, b] of vectors.entries())
        near(
          a.reduce((sum, value, at) => sum + value * b[at]!, 0),
          i === j ? 4 : 0,
          1e-5,
        );
  });
}

test('orthogonal matrices are uniform: no direction and no sign is preferred', () => {
  // Of the sphere in 3 dimensions, each coordinate is uniform in [-1, 1].
  const drawn = Array.from({ length: 2000 }, (_, seed) => draw([[[3, 3], { kind: 'orthogonal', gain: 1 }]], seed));
  for (const at of [0, 4, 8]) {
    const { mean, deviation } = moments(Float32Array.from(drawn, (values) => values[at]!));
    near(mean, 0, 0.05);
    near(deviation, 1 / Math.sqrt(3), 0.02);
  }
});

test('a parameter does not depend on the shapes and initializers of others', () => {
  const normal: Initializer = { kind: 'normal', mean: 0, deviation: 1 };
  const uniform: Initializer = { kind: 'uniform', min: 0, max: 1 };
  const after = (first: Layout[number]): number[] => [...draw([first, [[9], normal]]).subarray(elementCount(first[0]))];
  assert.deepEqual(after([[4], normal]), after([[3, 7], uniform]));
});

test('parameters, streams and seeds differ; the same seed repeats', () => {
  const normal: Initializer = { kind: 'normal', mean: 0, deviation: 1 };
  const twins = draw([
    [[6], normal],
    [[6], normal],
  ]);
  assert.notDeepEqual([...twins.subarray(0, 6)], [...twins.subarray(6)]);
  const drawn = [draw([[[6], normal]], 1, 1), draw([[[6], normal]], 2, 1), draw([[[6], normal]], 1, 2)].map((flat) => flat.join());
  assert.equal(new Set(drawn).size, 3);
  assert.deepEqual(draw([[[6], normal]], 1, 1).join(), drawn[0]);
});

test('the bits are those they always were', () => {
  const flat = draw([
    [[100, 33], { kind: 'uniform', min: -0.1, max: 0.1 }],
    [[33], { kind: 'constant', value: 0 }],
    [[33, 77], { kind: 'normal', mean: 0, deviation: 0.02 }],
    [[7, 11, 13], { kind: 'truncated-normal', mean: 0, deviation: 0.05 }],
  ]);
  assert.equal(
    createHash('sha256').update(new Uint8Array(flat.buffer)).digest('hex'),
    '6df1a4bab72d745be832725c6b627f2a2a856cbed1b964d4c2a17edcfe127355',
  );
});

test('so are those of normals that need many draws, or few', () => {
  const layout: Layout = [
    [[1], { kind: 'normal', mean: 0, deviation: 1 }],
    [[1], { kind: 'truncated-normal', mean: 1, deviation: 2 }],
    [[3001, 7], { kind: 'normal', mean: -1, deviation: 0.3 }],
    [[50_001], { kind: 'truncated-normal', mean: 0.1, deviation: 0.5 }],
    [[5], { kind: 'uniform', min: 0, max: 1 }],
    [[2], { kind: 'truncated-normal', mean: 0, deviation: 1 }],
  ];
  const flat = draw(layout, 2 ** 40 + 3);
  assert.equal(
    createHash('sha256').update(new Uint8Array(flat.buffer)).digest('hex'),
    '4bc3678538ae10782d2dfa12b6eab40aca7fc928d015db02e102a8aa5c2f1521',
  );
});

test('so are those of orthogonal matrices', () => {
  const flat = draw([
    [[64, 256], { kind: 'orthogonal', gain: 1 }],
    [[3, 3, 8, 5], { kind: 'orthogonal', gain: 1.5 }],
  ]);
  assert.equal(
    createHash('sha256').update(new Uint8Array(flat.buffer)).digest('hex'),
    '5b11c639a44735738075cb8127f75940156029853b3e21ee29941632f062572a',
  );
});

test('a manifest whose parameters do not fill the flat is a mistake', () => {
  const whole = manifestOf([
    [[4], { kind: 'constant', value: 1 }],
    [[2], { kind: 'constant', value: 1 }],
  ]);
  const gap = { ...whole, parameters: [whole.parameters[0]!, { ...whole.parameters[1]!, offset: 5 }] };
  assert.throws(() => initialFlat({ ...whole, length: 7 }, 1, 1), /fill 6 of 7/);
  assert.throws(() => initialFlat({ ...whole, length: 5 }, 1, 1), /does not follow/);
  assert.throws(() => initialFlat({ ...gap, length: 7 }, 1, 1), /does not follow/);
});
