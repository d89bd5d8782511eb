import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Committed } from '../training/round.ts';
import { createStepFigures, type RoundSeconds } from './step-figures.ts';

const committed: Committed = {
  phase: 'p',
  loss: 1,
  networks: [{ name: 'n', gradientNorm: 1, updateNorm: undefined }],
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

test('two phases of one network, with a metric of the same name, have figures of their own, also across a checkpoint', () => {
  const rounds = [
    { phase: 'a', loss: 1, metrics: { score: 10, only: 11 } },
    { phase: 'a', loss: 2, metrics: { score: 20, only: 21 } },
    { phase: 'b', loss: 3, metrics: { score: 30, constructor: 31 } },
    { phase: 'b', loss: 4, metrics: { score: 40, constructor: 41 } },
  ].map((round, index) => ({ ...committed, ...round, networks: [{ name: 'n', gradientNorm: index, updateNorm: undefined }] }));
  const expected = {
    loss: { a: 2, b: 4 },
    gradientNorm: { a: 1, b: 3 },
    metrics: { score: 20, only: 21, 'b/score': 40, constructor: 41 },
  };
  for (const interruptedAfter of [0, 1, 2, 3, 4]) {
    const before = createStepFigures(undefined, () => 0);
    for (const round of rounds.slice(0, interruptedAfter)) before.commit(round);
    const saved = JSON.parse(JSON.stringify(before.record())) as ReturnType<typeof before.record>;
    const after = createStepFigures(saved, () => 0);
    for (const round of rounds.slice(interruptedAfter)) after.commit(round);
    assert.equal(JSON.stringify(after.completeStep().record), JSON.stringify(expected));
  }
});

test('a phase that updates several networks has one loss, and a norm for each network', () => {
  const figures = createStepFigures(undefined, () => 0);
  const networks = ['encoder', 'decoder'].map((name, index) => ({ name, gradientNorm: index + 1, updateNorm: undefined }));
  figures.commit({ ...committed, networks });
  assert.deepEqual(figures.losses(), { p: 1 });
  assert.deepEqual(figures.completeStep().record, { loss: { p: 1 }, gradientNorm: { 'p/encoder': 1, 'p/decoder': 2 }, metrics: {} });
});

test('a checkpoint of an earlier version, which does not say whose metrics it holds, is taken up', () => {
  const figures = createStepFigures({ loss: { n: 5 }, gradientNorm: {}, metrics: { score: 1 } }, () => 0);
  figures.commit({ ...committed, metrics: { score: 2 } });
  assert.deepEqual(figures.completeStep().record.metrics, { score: 2 });
});
