import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Clock, systemClock } from '@lockstep/shared';
import type { Effect } from '../../core/effects.ts';
import type { Event } from '../../core/events.ts';
import type { Plan } from '../../core/plan.ts';
import { scratchDirectory } from '../../disk/testing.ts';
import { createTrace } from './trace.ts';

interface Span {
  readonly name: string;
  readonly pid: number;
  readonly ts: number;
  readonly dur: number;
}

const plan = { term: 1, phases: [{ name: 'only', updates: 'network', repeat: 1 }] } as unknown as Plan;
const fence = { runId: 'r', term: 1, peer: 'p', round: 0 };
const hello = { type: 'hello', peer: 'p', name: 'worker-a' } as unknown as Event;
const settle: Effect = { do: 'settle', peer: 'p', carrier: 'inline' };
const assign = (workId: number): Effect => ({
  do: 'assign',
  to: 'p',
  worker: 'worker-a',
  seat: 0,
  workId,
  task: 'gradient',
  cursor: { step: 0, phase: 0, repetition: 0, round: 0, samplePosition: 0 },
  shards: [0],
  versions: {},
  sends: [],
});
/** The worker's clock is a second ahead. */
const result = (workId: number): Event => ({
  type: 'result',
  peer: 'p',
  fence,
  workId,
  task: 'gradient',
  nodes: [],
  outcomes: [],
  computeSeconds: 0.02,
  payload: undefined,
  times: { received: 1012, started: 1012, weights: 1013, shards: [1034], computed: 1034, sent: 1035 },
});

async function spansOf(t: Parameters<typeof scratchDirectory>[0], play: (trace: ReturnType<typeof createTrace>) => void): Promise<Span[]> {
  const directory = scratchDirectory(t);
  const clock: Clock = { ...systemClock, nowMs: () => 0 };
  const log = { debug: assert.fail, info: assert.fail, warn: assert.fail, error: assert.fail };
  const trace = createTrace({ plan, directory, clock, log });
  trace.event(hello, 0);
  trace.effect(settle, 1, 1);
  play(trace);
  await trace.close();
  return (JSON.parse(readFileSync(join(directory, 'trace.json'), 'utf8')) as (Span & { ph: string })[]).filter(({ ph }) => ph === 'X');
}

test('a worker that has read its order before the coordinator goes on is not shown after its answer came', async (t) => {
  const spans = await spansOf(t, (trace) => {
    trace.sending(10);
    // The coordinator lost its core just after sending: the worker began at 12.
    trace.effect(assign(1), 5, 30);
    trace.event(result(1), 40);
  });
  const round = spans.find(({ name }) => name === 'round 0')!;
  assert.ok(round.ts >= 10_000, `${round.ts}`);
  assert.ok(round.ts + round.dur <= 40_000, `${round.ts + round.dur}`);
  assert.deepEqual(
    spans.filter(({ pid }) => pid === 2).map(({ name }) => name),
    ['prepare', 'WORK', 'RESULT', 'round 0', 'weights', 'compute', 'shard 0', 'send'],
  );
});

test('an answer to another WORK, of another term, or of a worker that is gone leaves no spans', async (t) => {
  const spans = await spansOf(t, (trace) => {
    trace.effect(assign(1), 5, 6);
    trace.event(result(2), 40);
    trace.event({ ...result(1), fence: { ...fence, term: 2 } } as Event, 41);
    trace.event({ type: 'down', peer: 'p' }, 42);
    trace.event(result(1), 43);
  });
  assert.deepEqual(
    spans.filter(({ pid }) => pid === 2).map(({ name }) => name),
    ['prepare'],
  );
});
