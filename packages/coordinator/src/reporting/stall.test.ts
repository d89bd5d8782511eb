import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import type { Clock } from '@lockstep/shared';
import type { State } from '../core/state.ts';
import { createProgress } from './progress.ts';
import { createRecorder, type RecorderOptions } from './recorder.ts';
import { createStallWatch, describeStall } from './stall.ts';

/** Time that a test moves. */
function createClock() {
  let nowMs = 0;
  let timers: { readonly atMs: number; readonly callback: () => void }[] = [];
  let armed = 0;
  const clock: Clock = {
    nowMs: () => nowMs,
    after(delayMs, callback) {
      armed += 1;
      const timer = { atMs: nowMs + delayMs, callback };
      timers.push(timer);
      return { cancel: () => void (timers = timers.filter((each) => each !== timer)) };
    },
  };
  return {
    clock,
    armed: () => armed,
    pending: () => timers.length,
    advance(byMs: number) {
      const untilMs = nowMs + byMs;
      for (;;) {
        const next = timers.filter(({ atMs }) => atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined) break;
        timers = timers.filter((each) => each !== next);
        nowMs = next.atMs;
        next.callback();
      }
      nowMs = untilMs;
    },
  };
}

const workersOf = (stages: Readonly<Record<string, string>>) =>
  new Map(
    Object.entries(stages).map(([name, stage]) => [name, { name, stage, shards: stage === 'working' ? [0] : [] }]),
  ) as unknown as State['workers'];
const stateOf = (stage: State['stage'], stages: Readonly<Record<string, string>>) =>
  ({ stage, workers: workersOf(stages), cursor: { step: 7 }, plan: { run: { shardCount: 2 } } }) as unknown as State;
test('the line of a run that stands still says for whom it waits, and counts the seconds', () => {
  const time = createClock();
  const written: string[] = [];
  const terminal = { isTTY: true, columns: 80, write: (text: string) => written.push(text), on: () => {}, off: () => {} };
  const progress = createProgress({ terminal, log: () => {}, start: { step: 0, nowMs: 0 } });
  const state = stateOf('training', { 'local-0': 'idle', 'local-1': 'working' });
  const recorder = createRecorder({
    plan: { phases: [], run: { batchSize: 4 }, totalSteps: 100, workersWanted: 2 },
    recipe: { real: { shape: [1], range: [0, 1] } },
    dataset: { count: 100, fields: [] },
    metrics: { registry: new Registry(), workerAnswered: () => {}, stage: () => {} },
    sinks: [],
    progress,
    clock: time.clock,
  } as unknown as RecorderOptions);
  const last = (): string => written.at(-1)!;
  recorder.began('gradient', state.cursor);
  recorder.stateChanged(state);
  time.advance(1999);
  assert.equal(written.length, 1);
  time.advance(1);
  assert.match(last(), /waiting for local-1 \(2 s\) {2}step 7\/100/);
  time.advance(10_000);
  assert.match(last(), /waiting for local-1 \(12 s\)/);
  assert.equal(written.length, 12);
  recorder.measured({
    do: 'measure',
    peer: 'p',
    worker: 'local-1',
    task: 'gradient',
    phase: 0,
    shards: 1,
    computeSeconds: 12,
    counts: true,
  });
  time.advance(100);
  recorder.stateChanged(state);
  assert.doesNotMatch(last(), /waiting/);
  recorder.stateChanged({ ...state, stage: 'ended' });
  assert.equal(time.pending(), 0);
});

test('while all is well, one timer serves thousands of rounds and nothing is drawn', () => {
  const time = createClock();
  const watch = createStallWatch(time.clock, () => assert.fail('there is no stall'));
  for (let round = 0; round < 10_000; round += 1) {
    watch.moved();
    time.advance(1);
  }
  assert.ok(time.armed() <= 7, `${time.armed()} timers in ten seconds`);
  watch.close();
  assert.equal(time.pending(), 0);
});

test('a closed watch draws no more, even if drawing closed it', () => {
  const time = createClock();
  let draws = 0;
  const watch = createStallWatch(time.clock, () => {
    draws += 1;
    watch.close();
  });
  watch.moved();
  time.advance(60_000);
  assert.equal(draws, 1);
  assert.equal(time.pending(), 0);
});

test('names are few, and a run with too few workers waits for workers', () => {
  const busy = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`w${index}`, 'working']));
  assert.equal(describeStall(stateOf('training', busy), 61_000), 'waiting for w0, w1, w2 and 5 more (1 min 01 s)');
  assert.equal(describeStall(stateOf('starved', {}), 3000), 'waiting for workers (3 s)');
  assert.equal(describeStall(stateOf('training', { a: 'idle' }), 3000), undefined);
});
