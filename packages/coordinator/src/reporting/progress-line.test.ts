import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, formatEstimate, formatProgress, isLogDue, type ProgressView } from './progress-line.ts';

const view: ProgressView = {
  step: 1234,
  steps: 4680,
  epoch: 2.637,
  epochs: 10,
  imagesPerSecond: 3412.4,
  remainingSeconds: 133,
  losses: { discriminator: 0.6949, generator: 1.2041 },
  workersLive: 3,
  workersWanted: 4,
};

test('the line in each of its widths', () => {
  assert.equal(
    formatProgress(view),
    'step 1234/4680  epoch 2.6/10  26%  3,412 images/s  loss discriminator 0.695, generator 1.204  workers 3/4  ETA 2 min 13 s',
  );
  assert.equal(formatProgress(view, 100), 'step 1234/4680  epoch 2.6/10  26%  3,412 img/s  d 0.695 g 1.204  workers 3/4  ETA 2m13s');
  assert.equal(formatProgress(view, 79), 'step 1234/4680 epoch 2.6 26% 3,412 img/s d 0.695 g 1.204 w 3/4 ETA 2m13s');
  assert.equal(formatProgress(view, 60), '1234/4680 26% 3,412 img/s w 3/4 ETA 2m13s');
  assert.equal(formatProgress(view, 9), '1234/4680');
  assert.equal(formatProgress(view, 0), '');
});

test('what is not known yet, or no longer matters, is left out', () => {
  const first = { ...view, step: 0, epoch: 0, imagesPerSecond: undefined, remainingSeconds: undefined, losses: {} };
  assert.equal(formatProgress(first), 'step 0/4680  epoch 0.0/10  0%  workers 3/4');
  assert.equal(formatProgress({ ...first, waiting: 'waiting for 1 of 4 workers' }), `waiting for 1 of 4 workers  ${formatProgress(first)}`);
  assert.match(formatProgress({ ...view, step: 4680, remainingSeconds: 0 }), /100%.* workers 3\/4$/);
  assert.match(formatProgress({ ...view, step: 4679 }), /99%/);
});

test('losses of any size, and names that share a beginning', () => {
  const losses = { critic: NaN, critical: 1e-5, 'g\u001b[2Jé': 123456 };
  const line = formatProgress({ ...view, losses });
  assert.match(line, /loss critic NaN, critical 1\.00e-5, g\?\[2J\? 1\.23e\+5/);
  assert.match(formatProgress({ ...view, losses }, line.length - 1), / critic NaN critica 1\.00e-5 g 1\.23e\+5 /);
});

test('any view fits any width, in printable characters', () => {
  const number = fc.oneof(fc.double(), fc.double({ min: 0, max: 1e7 }));
  const views = fc.record({
    step: fc.nat(1e7),
    steps: fc.nat(1e7),
    epoch: fc.double({ min: 0, max: 1000, noNaN: true }),
    epochs: fc.double({ min: 0, max: 1000, noNaN: true }),
    imagesPerSecond: fc.option(number, { nil: undefined }),
    remainingSeconds: fc.option(number, { nil: undefined }),
    losses: fc.dictionary(fc.string({ minLength: 1, unit: 'grapheme' }), number, { maxKeys: 4 }),
    workersLive: fc.nat(100),
    workersWanted: fc.nat(100),
  });
  fc.assert(
    fc.property(views, fc.integer({ min: 0, max: 200 }), (any, width) => {
      const line = formatProgress(any, width);
      assert.ok(line.length <= width);
      assert.match(line, /^[\x20-\x7e]*$/);
    }),
  );
});

test('durations', () => {
  const texts = [0, 59.4, 60, 3599, 3600, 5 * 3600 + 300, 86_399, 86_400, 200_000, Infinity].map(formatDuration);
  assert.deepEqual(texts, [
    '0 s',
    '59 s',
    '1 min 00 s',
    '59 min 59 s',
    '1 h 00 min',
    '5 h 05 min',
    '1 d 00 h',
    '1 d 00 h',
    '2 d 08 h',
    'unknown',
  ]);
});

test('the estimate says how long, for how many steps and with how many workers', () => {
  assert.equal(formatEstimate(view), 'about 2 min 13 s for 3,446 more steps at 3,412 images/s with 3 workers');
  assert.equal(
    formatEstimate({ ...view, step: 4679, workersLive: 1, imagesPerSecond: 3.25, remainingSeconds: 39 }),
    'about 39 s for 1 more step at 3.3 images/s with 1 worker',
  );
  assert.equal(formatEstimate({ ...view, imagesPerSecond: undefined }), undefined);
});

test('the first log line is due after a few steps, or after a minute without them', () => {
  const start = { step: 100, nowMs: 0 };
  assert.equal(isLogDue(undefined, start, { ...view, step: 104 }, 59_999), false);
  assert.equal(isLogDue(undefined, start, { ...view, step: 105 }, 1), true);
  assert.equal(isLogDue(undefined, start, { ...view, step: 100 }, 60_000), true);
});

test('later log lines keep ten seconds and a twentieth of the run apart, but not more than a minute', () => {
  const start = { step: 0, nowMs: 0 };
  const last = { step: 1000, nowMs: 50_000 };
  const isDue = (step: number, nowMs: number): boolean => isLogDue(last, start, { ...view, step }, nowMs);
  assert.equal(isDue(1234, 59_999), false, 'too soon');
  assert.equal(isDue(1233, 60_000), false, 'too little');
  assert.equal(isDue(1234, 60_000), true);
  assert.equal(isDue(1001, 109_999), false);
  assert.equal(isDue(1001, 110_000), true, 'a minute');
});
