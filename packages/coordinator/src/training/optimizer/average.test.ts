import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inputRows, streams } from '@lockstep/shared';
import { createOptimizer } from './update-rules.ts';

const normals = (round: number): Float32Array => inputRows({ shape: [37], distribution: 'normal' }, 5, streams.inputs, round, 0, 1);

test('the average starts as the weights, and follows them in the stated order', () => {
  const optimizer = createOptimizer({ kind: 'sgd', learningRate: 0.1, average: { decay: 0.9 } }, normals(0));
  const plain = createOptimizer({ kind: 'sgd', learningRate: 0.1 }, normals(0));
  const expected = normals(0);
  assert.deepEqual(optimizer.average, expected);
  for (let step = 1; step <= 5; step += 1) {
    optimizer.apply(normals(step));
    plain.apply(normals(step));
    assert.deepEqual(optimizer.weights, plain.weights, 'the weights are those of a run without an average');
    for (const [index, before] of expected.entries()) {
      const change = Math.fround(Math.fround(1 - 0.9) * Math.fround(plain.weights[index]! - before));
      expected[index] = Math.fround(before + change);
    }
    assert.deepEqual(optimizer.average, expected);
  }
});

test('with decay 0 it is the weights, up to rounding', () => {
  const optimizer = createOptimizer({ kind: 'adam', learningRate: 0.1, average: { decay: 0 } }, normals(0));
  optimizer.apply(normals(1));
  for (const [index, weight] of optimizer.weights.entries()) assert.ok(Math.abs(optimizer.average![index]! - weight) < 1e-6);
});
