import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCurveStore } from './curve-store.ts';

test('points are kept as they come while there is room', () => {
  const store = createCurveStore(8);
  store.add(1, { 'loss.g': 0.5, 'loss.d': 1 });
  store.add(2, { 'loss.g': 0.25 });
  assert.deepEqual(store.all(), { from: 0, steps: [1, 2], series: { 'loss.g': [0.5, 0.25], 'loss.d': [1, null] } });
});

test('a long run keeps its bound; each point is the mean of the same number of steps', () => {
  const store = createCurveStore(8);
  for (let step = 1; step <= 64; step += 1) store.add(step, { x: step });
  assert.deepEqual(store.all(), {
    from: 0,
    steps: [8, 16, 24, 32, 40, 48, 56, 64],
    series: { x: [4.5, 12.5, 20.5, 28.5, 36.5, 44.5, 52.5, 60.5] },
  });
  for (let step = 65; step <= 1_000_000; step += 977) store.add(step, { x: step });
  assert.ok(store.all().steps.length <= 8);
});

test('steps that were there already, and figures that are no finite numbers, are left out', () => {
  const store = createCurveStore(8);
  store.add(5, { x: 1, y: null });
  store.add(5, { x: 100 });
  store.add(3, { x: 100 });
  store.add(6, { x: Infinity, y: 'text' });
  assert.deepEqual(store.all(), { from: 0, steps: [5, 6], series: { x: [1, null], y: [null, null] } });
});

test('names are bounded', () => {
  const store = createCurveStore(8);
  store.add(1, Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`name-${index}`, 1])));
  assert.equal(Object.keys(store.all().series).length, 64);
});

test('whoever puts news to what it had has what all of it is', () => {
  const store = createCurveStore(8);
  let steps: number[] = [];
  let values: (number | null)[] = [];
  for (let step = 1; step <= 100; step += 1) {
    store.add(step, { x: Math.sin(step) });
    if (step % 3 !== 0) continue;
    const { from, steps: newSteps, series } = store.news()!;
    steps = [...steps.slice(0, from), ...newSteps];
    values = [...values.slice(0, from), ...series['x']!];
    assert.equal(store.news(), undefined);
    assert.deepEqual({ steps, values }, { steps: store.all().steps, values: store.all().series['x'] }, `step ${step}`);
  }
});
