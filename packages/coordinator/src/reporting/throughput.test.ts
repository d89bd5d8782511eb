import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  advanceThroughput,
  burnInSteps,
  currentRates,
  remainingSeconds,
  startThroughput,
  summaryImagesPerSecond,
  type Throughput,
} from './throughput.ts';

/** A run of `steps` steps of 100 images; step n takes `stepMs(n)`, from step `first` on. */
function runFor(steps: number, stepMs: (step: number) => number, first = 0): { state: Throughput; nowMs: number } {
  let nowMs = 5_000;
  let state = startThroughput({ step: first, images: first * 100, nowMs });
  for (let step = first + 1; step <= first + steps; step += 1) {
    nowMs += stepMs(step);
    state = advanceThroughput(state, { step, images: step * 100, nowMs });
  }
  return { state, nowMs };
}

test('nothing is known before the first commit', () => {
  const { state, nowMs } = runFor(0, () => 10);
  assert.equal(currentRates(state, nowMs), undefined);
  assert.equal(remainingSeconds(state, 10, nowMs), undefined);
  assert.equal(summaryImagesPerSecond(state), 0);
});

test('a steady run has its exact rate and remaining time, also after a resume', () => {
  for (const first of [0, 500]) {
    const { state, nowMs } = runFor(200, () => 250, first);
    assert.deepEqual(currentRates(state, nowMs), { imagesPerSecond: 400, stepsPerSecond: 4 });
    assert.equal(remainingSeconds(state, first + 300, nowMs), 25);
    assert.equal(summaryImagesPerSecond(state), 400);
  }
});

test('the rate ignores what is older than half a minute', () => {
  const { state, nowMs } = runFor(400, (step) => (step <= 200 ? 1000 : 200));
  assert.equal(currentRates(state, nowMs)?.imagesPerSecond, 500);
});

test('steps slower than the window still have a rate', () => {
  const { state, nowMs } = runFor(3, () => 60_000);
  const rate = currentRates(state, nowMs)?.imagesPerSecond ?? 0;
  assert.ok(Math.abs(rate - 100 / 60) < 1e-9);
});

test('a stalled run slows down, continuously, once a step is overdue', () => {
  const { state, nowMs } = runFor(100, () => 500);
  const rateAt = (laterMs: number): number => currentRates(state, nowMs + laterMs)?.imagesPerSecond ?? NaN;
  assert.equal(rateAt(0), 200);
  assert.equal(rateAt(500), 200);
  assert.ok(rateAt(501) < 200 && rateAt(501) > 199);
  assert.ok(rateAt(60_000) < 70);
  assert.ok((remainingSeconds(state, 200, nowMs + 60_000) ?? 0) > (remainingSeconds(state, 200, nowMs) ?? Infinity));
});

test('the summary leaves out the first ten steps, unless there are no more', () => {
  const slowStart = (step: number): number => (step <= burnInSteps ? 2000 : 100);
  assert.equal(burnInSteps, 10);
  assert.equal(summaryImagesPerSecond(runFor(50, slowStart).state), 1000);
  assert.equal(summaryImagesPerSecond(runFor(11, slowStart).state), 1000);
  assert.equal(summaryImagesPerSecond(runFor(10, slowStart).state), 50);
  assert.equal(summaryImagesPerSecond(runFor(4, slowStart).state), 50);
});

test('in any run the points are bounded, and the rates are finite and within those of its steps', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 300 }), (times) => {
      const { state, nowMs } = runFor(times.length, (step) => times[step - 1] ?? 1);
      assert.ok(state.recent.length <= 63, `${state.recent.length} points are kept`);
      const rate = currentRates(state, nowMs)?.stepsPerSecond ?? NaN;
      assert.ok(rate >= 1000 / Math.max(...times) - 1e-9 && rate <= 1000 / Math.min(...times) + 1e-9);
    }),
    { numRuns: 100 },
  );
});

test('a fast run keeps few points', () => {
  const { state, nowMs } = runFor(40_000, () => 1);
  assert.ok(state.recent.length <= 63, `${state.recent.length} points are kept`);
  assert.ok(Math.abs((currentRates(state, nowMs)?.stepsPerSecond ?? 0) - 1000) < 1e-6);
});
