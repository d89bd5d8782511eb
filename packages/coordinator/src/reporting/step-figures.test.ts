import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Committed } from '../training/round.ts';
import { createStepFigures, type RoundSeconds } from './step-figures.ts';

const committed: Committed = {
  phase: 'p',
  network: 'n',
  loss: 1,
  gradientNorm: 1,
  updateNorm: undefined,
  metrics: {},
  reduceSeconds: 0.002,
  applySeconds: 0.003,
};
const milliseconds = (seconds: RoundSeconds): Record<string, number> =>
  Object.fromEntries(Object.entries(seconds).map(([part, value]) => [part, Math.round(value * 1000)]));

test('the parts of a round add up to the time from the commit before it to its own', () => {
  let nowMs = 0;
  const figures = createStepFigures(undefined, () => nowMs);
  const spend = (part: Parameters<typeof figures.spent>[0], ms: number): void => {
    nowMs += ms;
    figures.spent(part, ms / 1000);
  };
  figures.beginRound();
  spend('data', 10);
  nowMs += 50;
  figures.measured(0.04);
  figures.measured(0.03);
  nowMs += 5;
  const first = { idle: 0, checkpoint: 0, data: 10, serialise: 0, send: 0, compute: 40, wait: 10, reduce: 2, apply: 3 };
  assert.deepEqual(milliseconds(figures.commit(committed)), first);

  // Between rounds: a checkpoint, and a grid whose sending is nobody's round.
  spend('checkpoint', 7);
  spend('serialise', 20);
  nowMs += 13;
  figures.beginRound();
  spend('data', 1);
  spend('serialise', 2);
  spend('send', 3);
  nowMs += 100 + 5;
  // It began to compute while others were still sent their work: what overlaps counts once.
  figures.measured(0.102);
  const second = milliseconds(figures.commit(committed));
  assert.deepEqual(second, { idle: 33, checkpoint: 7, data: 1, serialise: 2, send: 3, compute: 100, wait: 0, reduce: 2, apply: 3 });
  assert.equal(
    Object.values(second).reduce((sum, ms) => sum + ms, 0),
    7 + 20 + 13 + 6 + 105,
  );
});
