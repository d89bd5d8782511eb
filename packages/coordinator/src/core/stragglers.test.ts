/** Late workers: copied, not waited for, given less, quarantined. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nextDeadlineMs } from './deadline.ts';
import { describe as describeState } from './describe.ts';
import type { Effect } from './effects.ts';
import type { Event } from './events.ts';
import type { Plan } from './plan.ts';
import type { State } from './state.ts';
import { step } from './step.ts';
import { assignedIn, create, join, kinds, result } from './testing.ts';

const workerTimeoutMs = 1_000_000;
const tick: Event = { type: 'tick' };

/** What a worker owes, as it answers it. */
const answer = (state: State, peer: string): Event => result(state, peer, [...state.workers.get(peer)!.shards]);

/** All but `except` answer, `durationMs` from `nowMs` on; then the round is committed, if it is complete. */
function round(state: State, nowMs: number, durationMs = 100, except: readonly string[] = []): Effect[] {
  const effects: Effect[] = [];
  for (const { peer, shards } of state.workers.values())
    if (shards.length > 0 && !except.includes(peer)) effects.push(...step(state, answer(state, peer), nowMs + durationMs));
  if (effects.some((effect) => effect.do === 'commit')) effects.push(...step(state, { type: 'committed' }, nowMs + durationMs));
  return effects;
}

/** Workers that have done so many rounds of 100 ms; the next one begins at the time that comes with it. */
function trained(peers: readonly string[], changes: Partial<Plan> = {}, rounds = 8): { state: State; nowMs: number } {
  const state = create({ workersWanted: peers.length, totalSteps: 1000, checkpointEverySteps: 0, workerTimeoutMs, ...changes });
  join(state, ...peers);
  for (let index = 0; index < rounds; index += 1) round(state, index * 100);
  assert.equal(state.cursor.round, rounds);
  return { state, nowMs: rounds * 100 };
}

/** A hundred rounds of workers that take so long for a shard, from when they get a WORK: how long each round took. */
function live(state: State, fromMs: number, msPerShard: (peer: string, nowMs: number) => number): number[] {
  const answers = new Map<string, { readonly atMs: number; readonly event: Event }>();
  const durations: number[] = [];
  let nowMs = fromMs;
  let begunMs = fromMs;
  const begin = (peer: string): void => {
    const { work } = state.workers.get(peer)!;
    answers.set(peer, { atMs: nowMs + work!.size * msPerShard(peer, nowMs), event: answer(state, peer) });
  };
  const give = (event: Event): void => {
    for (const effect of step(state, event, nowMs)) {
      if (effect.do === 'assign') begin(effect.to);
      if (effect.do !== 'commit') continue;
      durations.push(nowMs - begunMs);
      begunMs = nowMs;
      give({ type: 'committed' });
    }
  };
  for (const peer of state.workers.keys()) begin(peer);
  for (let turns = 0; durations.length < 100; turns += 1) {
    assert.ok(turns < 10_000, 'nothing goes on');
    const [peer, next] = [...answers].reduce((a, b) => (b[1].atMs < a[1].atMs ? b : a));
    const deadlineMs = nextDeadlineMs(state)!;
    nowMs = Math.min(next.atMs, deadlineMs);
    if (deadlineMs < next.atMs) {
      give(tick);
      continue;
    }
    answers.delete(peer);
    give(next.event);
  }
  return durations;
}

describe('stragglers', () => {
  test('a late WORK is copied whole to an idle worker, at a time the core asks to be told, and the round goes on with the first answer', () => {
    const { state, nowMs } = trained(['a', 'b']);
    assert.equal(nextDeadlineMs(state), nowMs + workerTimeoutMs, 'nobody is idle: nothing could be done about lateness');
    step(state, answer(state, 'a'), nowMs + 100);
    assert.equal(nextDeadlineMs(state), nowMs + 200);
    assert.deepEqual(step(state, tick, nowMs + 199), []);
    const late = step(state, tick, nowMs + 200);
    assert.deepEqual(kinds(late), ['assign', 'count-copied']);
    assert.deepEqual(assignedIn(late), { a: [2, 3] });
    const done = step(state, answer(state, 'a'), nowMs + 300);
    assert.deepEqual(kinds(done), ['measure', 'accept', 'commit']);
    const next = step(state, { type: 'committed' }, nowMs + 300);
    assert.deepEqual(assignedIn(next), { a: [0, 1, 2, 3] }, 'b still computes');
    assert.match(describeState(state), / from a\.$/, 'and is not waited for');
  });

  test('what a late worker answers in a later round is dropped and counted, and it gets work again, with the weights it lacks', () => {
    const { state, nowMs } = trained(['a', 'b']);
    const stale = answer(state, 'b');
    round(state, nowMs, 100, ['b']);
    step(state, tick, nowMs + 200);
    round(state, nowMs, 300, ['b']);
    const [dropped, measured] = step(state, stale, nowMs + 350);
    assert.deepEqual(dropped, { do: 'count-dropped', reason: 'other-round' });
    const figures = { worker: 'b', task: 'gradient', phase: 0, shards: 2, computeSeconds: 1, counts: false } as const;
    assert.deepEqual(measured, { do: 'measure', peer: 'b', ...figures }, 'its times count, its numbers do not');
    assert.equal(state.workers.get('b')!.stage, 'idle');
    const effects = round(state, nowMs, 400);
    assert.deepEqual(assignedIn(effects), { a: [0, 1], b: [2, 3] });
    const toB = effects.find((effect) => effect.do === 'assign' && effect.to === 'b');
    assert.deepEqual(toB?.do === 'assign' && toB.sends, ['generator', 'discriminator'], 'both were updated meanwhile');
  });

  test('what it answers within the round, after another did, is superseded; if it is first after all, the copy is', () => {
    const names = ['a', 'b', 'c', 'd'];
    for (const [winner, loser] of [
      ['c', 'a'],
      ['a', 'c'],
    ] as const) {
      const { state, nowMs } = trained(names);
      round(state, nowMs, 100, ['c', 'd']);
      const copied = assignedIn(step(state, tick, nowMs + 200));
      assert.deepEqual(copied, { a: [2], b: [3] });
      const late = answer(state, loser);
      assert.deepEqual(kinds(step(state, answer(state, winner), nowMs + 210)), ['measure', 'accept']);
      assert.equal(state.workers.get(loser)!.stage, 'working');
      const effects = step(state, late, nowMs + 220);
      assert.deepEqual(effects[0], { do: 'count-dropped', reason: 'superseded' });
      assert.deepEqual(kinds(effects), ['count-dropped', 'measure']);
      assert.equal(state.workers.get(loser)!.stage, 'idle');
      assert.deepEqual(kinds(step(state, answer(state, 'd'), nowMs + 230)), ['measure', 'accept', 'commit']);
    }
  });

  test('shards wait again only when the last worker that owes them is gone', () => {
    const { state, nowMs } = trained(['a', 'b', 'c', 'd']);
    round(state, nowMs, 100, ['d']);
    assert.deepEqual(assignedIn(step(state, tick, nowMs + 200)), { a: [3] });
    assert.deepEqual(kinds(step(state, { type: 'down', peer: 'd' }, nowMs + 201)), ['worker-left']);
    const effects = step(state, { type: 'down', peer: 'a' }, nowMs + 202);
    assert.deepEqual(kinds(effects), ['worker-left', 'shards-reassigned', 'count-reassigned', 'assign']);
    assert.deepEqual(assignedIn(effects), { b: [3] });
  });

  test('a copy that is late is copied, too, each time after twice as long', () => {
    const { state, nowMs } = trained(['a', 'b', 'c', 'd']);
    round(state, nowMs, 100, ['d']);
    assert.deepEqual(assignedIn(step(state, tick, nowMs + 200)), { a: [3] });
    assert.equal(nextDeadlineMs(state), nowMs + 200 + 400);
    assert.deepEqual(assignedIn(step(state, tick, nowMs + 600)), { b: [3] });
    assert.equal(nextDeadlineMs(state), nowMs + 600 + 800);
  });

  test('nothing is copied where workers compute different bits', () => {
    const { state, nowMs } = trained(['a', 'b'], { allowMixedNumerics: true });
    round(state, nowMs, 100, ['b']);
    assert.equal(nextDeadlineMs(state), nowMs + workerTimeoutMs);
    assert.deepEqual(step(state, tick, nowMs + 10_000), []);
  });

  test('a late worker that lacks the weights of its old WORK is free again, and gets them with the next', () => {
    const { state, nowMs } = trained(['a', 'b']);
    const { id } = state.workers.get('b')!.work!;
    const { fence } = answer(state, 'b') as Extract<Event, { type: 'result' }>;
    round(state, nowMs, 100, ['b']);
    step(state, tick, nowMs + 200);
    round(state, nowMs, 300, ['b']);
    const effects = step(state, { type: 'need', peer: 'b', fence, workId: id, networks: ['generator'] }, nowMs + 310);
    assert.deepEqual(effects, [{ do: 'count-dropped', reason: 'other-round' }]);
    assert.deepEqual([state.workers.get('b')!.stage, state.workers.get('b')!.needRequests], ['idle', 0]);
    assert.equal(state.workers.get('b')!.holds['generator'], undefined);
  });

  test('a late worker that never answers is let go after --worker-timeout from its WORK, and nothing is reassigned', () => {
    const { state, nowMs } = trained(['a', 'b'], { workerTimeoutMs: 500 });
    round(state, nowMs, 100, ['b']);
    step(state, tick, nowMs + 200);
    round(state, nowMs, 300, ['b']);
    assert.equal(nextDeadlineMs(state), nowMs + 500);
    assert.deepEqual(kinds(step(state, tick, nowMs + 500)), ['bye', 'worker-left']);
  });

  for (const [what, limit, msPerShard] of [
    ['is five times slower', 1.5, () => 125],
    ['is fifty times slower', 2, () => 1250],
    ['pauses 3 s of every 3.3', 2, (nowMs: number) => (nowMs % 3300 < 300 ? 25 : (3300 - (nowMs % 3300)) / 4)],
    ['freezes for good', 2, () => Infinity],
  ] as const) {
    test(`a worker of four that ${what} costs at most ${limit} times the usual round, and one deadline at the first`, () => {
      const { state, nowMs } = trained(['a', 'b', 'c', 'd'], { run: { ...create().plan.run, shardCount: 16 } });
      const durations = live(state, nowMs, (peer, atMs) => (peer === 'd' ? msPerShard(atMs) : 25));
      assert.ok(durations.toSorted((a, b) => a - b)[durations.length >> 1]! <= limit * 100, durations.join());
      assert.ok(durations[0]! <= 200 + 100, durations.join());
      // Rounds of 125 ms, if its share is right.
      if (what === 'is five times slower') assert.equal(durations.at(-1), 125);
      assert.equal(state.workers.get('d')!.reliability.quarantines > 0, what === 'is fifty times slower');
    });
  }

  test('one that is late again and again is quarantined with a reason, for longer each time, and comes back on probation', () => {
    const { state, nowMs: fromMs } = trained(['a', 'b']);
    let nowMs = fromMs;
    const lateOnce = (): Effect[] => {
      const stale = answer(state, 'b');
      round(state, nowMs, 100, ['b']);
      const lateMs = nextDeadlineMs(state)!;
      const effects = [...step(state, tick, lateMs), ...round(state, lateMs, 100, ['b'])];
      step(state, stale, lateMs + 110);
      round(state, lateMs, 200);
      nowMs = lateMs + 200;
      return effects;
    };
    for (let time = 0; time < 3; time += 1) assert.ok(!kinds(lateOnce()).includes('worker-quarantined'));
    const fourth = lateOnce().find((effect) => effect.do === 'record');
    assert.ok(fourth?.entry.event === 'worker-quarantined' && fourth.entry.worker === 'b' && fourth.entry.seconds === 10);
    assert.match(fourth.entry.reason, /late again and again.*10 s/);
    assert.deepEqual(assignedIn(round(state, nowMs)), { a: [0, 1, 2, 3] });
    nowMs += 10_000;
    assert.deepEqual(Object.keys(assignedIn(round(state, nowMs))), ['a', 'b'], 'on probation');
    nowMs += 100;
    const again = lateOnce().find((effect) => effect.do === 'record');
    assert.ok(again?.entry.event === 'worker-quarantined' && again.entry.seconds === 20);
  });

  test('a worker in quarantine gets work when nobody else can have it', () => {
    const { state, nowMs } = trained(['a', 'b']);
    state.workers.get('b')!.reliability.quarantinedUntilMs = Infinity;
    assert.deepEqual(assignedIn(round(state, nowMs)), { a: [0, 1, 2, 3] });
    assert.deepEqual(assignedIn(step(state, { type: 'down', peer: 'a' }, nowMs + 150)), { b: [0, 1, 2, 3] });
  });

  test('seats are the lowest that are free', () => {
    const { state } = trained(['a', 'b', 'c']);
    step(state, { type: 'down', peer: 'b' }, 1000);
    join(state, 'd', 'e');
    assert.deepEqual(
      [...state.workers.values()].map(({ peer, seat }) => [peer, seat]),
      [
        ['a', 0],
        ['c', 2],
        ['d', 1],
        ['e', 3],
      ],
    );
  });
});
