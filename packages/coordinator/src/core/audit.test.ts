/** Audits: which WORKs are computed twice, and what their answers lead to. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Effect } from './effects.ts';
import type { Event } from './events.ts';
import type { Plan } from './plan.ts';
import type { State } from './state.ts';
import { step } from './step.ts';
import { assignedIn, create, hello, join, kinds, ready, result } from './testing.ts';

const run = (changes: Partial<Plan['run']>): Plan['run'] => ({ ...create().plan.run, ...changes });

/** Workers of a run whose every answer is checked. Two shards, one for each of the first two. */
function audited(peers: readonly string[], changes: Partial<Plan> = {}): State {
  const plan = { workersWanted: peers.length, minWorkers: 2, auditRate: 1, totalSteps: 1000, run: run({ shardCount: 2 }), ...changes };
  const state = create({ checkpointEverySteps: 0, workerTimeoutMs: 1000, ...plan });
  join(state, ...peers);
  return state;
}

function answer(state: State, peer: string, hash = 'right'): Effect[] {
  const event = result(state, peer, [...state.workers.get(peer)!.shards]) as Extract<Event, { type: 'result' }>;
  return step(state, { ...event, hash }, 10);
}

const entries = (effects: Effect[], event: string) =>
  effects.flatMap((each) => (each.do === 'record' && each.entry.event === event ? [each.entry] : []));
const reasonOf = (effects: Effect[], event: string): string => (entries(effects, event)[0] as { reason: string }).reason;

describe('audits', () => {
  test('an answer counts once another worker has given the same, and the round is committed only then', () => {
    const state = audited(['a', 'b']);
    const first = answer(state, 'a');
    assert.deepEqual(kinds(first), ['measure', 'assign']);
    assert.deepEqual(assignedIn(first), { a: [1] }, 'it may not check itself');
    const second = answer(state, 'b');
    assert.deepEqual(kinds(second), ['measure', 'assign']);
    assert.deepEqual(assignedIn(second), { b: [0] });
    assert.deepEqual(kinds(answer(state, 'a')), ['count-audited', 'measure', 'accept']);
    assert.deepEqual(kinds(answer(state, 'b')), ['count-audited', 'measure', 'accept', 'commit']);
  });

  test('an idle worker checks at once', () => {
    const state = create({ workersWanted: 2, minWorkers: 2, auditRate: 1, run: run({ shardCount: 1 }) });
    assert.deepEqual(assignedIn(join(state, 'a', 'b').filter((effect) => effect.do === 'assign')), { a: [0], b: [0] });
  });

  test('where two differ a third decides; the wrong one is named, sent away, and does not come back under its name', () => {
    const state = audited(['a', 'b', 'c'], { run: run({ shardCount: 1 }) });
    assert.deepEqual(kinds(answer(state, 'a', 'wrong')), ['measure']);
    const differ = answer(state, 'b');
    assert.deepEqual(kinds(differ), ['audit-differs', 'measure', 'assign']);
    assert.match(reasonOf(differ, 'audit-differs'), /workers a and b to shards 0 of round 0 differ/);
    assert.deepEqual(assignedIn(differ), { c: [0] });
    const decided = answer(state, 'c');
    assert.deepEqual(kinds(decided), [
      'count-audited',
      'worker-wrong',
      'refuse',
      'worker-refused',
      'worker-left',
      'measure',
      'accept',
      'commit',
    ]);
    assert.match(reasonOf(decided, 'worker-wrong'), /two other answers agree against it.*no work again.*Nothing wrong was committed/);
    assert.deepEqual([...state.workers.keys()], ['b', 'c']);
    step(state, { type: 'committed' }, 15);
    const again = step(state, hello('a2', 'a'), 20);
    assert.deepEqual(kinds(again), ['refuse', 'worker-refused']);
    assert.match(reasonOf(again, 'worker-refused'), /worker 'a' wrong.*another --name/);
  });

  test('of two workers each computes again: the one that corrects itself is named, and stays', () => {
    const state = audited(['a', 'b'], { run: run({ shardCount: 1 }) });
    answer(state, 'a', 'wrong');
    assert.deepEqual(assignedIn(answer(state, 'b')), { a: [0] });
    const decided = answer(state, 'a');
    assert.deepEqual(kinds(decided), ['count-audited', 'worker-wrong', 'measure', 'accept', 'commit']);
    const [wrong] = entries(decided, 'worker-wrong');
    assert.ok(wrong?.event === 'worker-wrong' && wrong.worker === 'a' && !wrong.quarantined);
    assert.match(wrong.reason, /gave the right one.*it stays/);
  });

  test('if they still differ the run ends with a code of its own, and a checkpoint; nobody confirms itself', () => {
    const state = audited(['a', 'b'], { run: run({ shardCount: 1 }) });
    answer(state, 'a', 'one');
    answer(state, 'b', 'another');
    assert.deepEqual(assignedIn(answer(state, 'a', 'one')), { b: [0] });
    const effects = answer(state, 'b', 'another');
    assert.deepEqual(kinds(effects), ['measure', 'checkpoint', 'bye', 'bye', 'finish']);
    const finish = effects.at(-1)!;
    assert.ok(finish.do === 'finish' && finish.code === 'audit-failed');
    assert.match(finish.reason, /Workers a and b give different answers to shards 0 of round 0.*no other worker to decide/);
  });

  test('an answer outlives its worker; the shards of one that has not answered wait again; a worker that is back is no second opinion', () => {
    const state = audited(['a', 'b', 'c']);
    answer(state, 'a');
    step(state, { type: 'down', peer: 'a' }, 11);
    assert.deepEqual(assignedIn(step(state, { type: 'down', peer: 'b' }, 12)), {}, 'one is not enough for an audit');
    step(state, hello('a2', 'a'), 13);
    const back = step(state, ready(state, 'a2'), 13);
    assert.deepEqual(assignedIn(back), { a2: [1] }, 'c checks shard 0, or shard 1 has been given to it meanwhile');
    assert.deepEqual(state.workers.get('c')!.shards, [0]);
    assert.deepEqual(kinds(answer(state, 'c')), ['count-audited', 'measure', 'accept', 'assign']);
    assert.deepEqual(kinds(answer(state, 'c')), ['measure']);
    assert.deepEqual(kinds(answer(state, 'a2')), ['count-audited', 'measure', 'accept', 'commit']);
  });

  test('a late worker is not waited for: two others do', () => {
    const state = audited(['a', 'b', 'c'], { run: run({ shardCount: 3 }), workerTimeoutMs: 1_000_000 });
    for (let round = 0; round < 4; round += 1) {
      for (let turn = 0; turn < 3 && state.cursor.round === round; turn += 1)
        for (const { peer, shards } of state.workers.values())
          if (shards.length > 0 && kinds(answer(state, peer)).includes('commit')) step(state, { type: 'committed' }, 10);
      assert.equal(state.cursor.round, round + 1);
    }
    assert.ok(state.workers.get('c')!.shards.length > 0);
    const given: Effect[] = [];
    for (let nowMs = 100; nowMs < 100_000 && !kinds(given).includes('commit'); nowMs += 100) {
      given.push(...step(state, { type: 'tick' }, nowMs));
      for (const peer of ['a', 'b']) if (state.workers.get(peer)!.shards.length > 0) given.push(...answer(state, peer));
    }
    assert.ok(kinds(given).includes('commit'));
    assert.deepEqual([state.workers.get('c')!.stage, state.workers.get('c')!.shards], ['working', []]);
  });

  test('below 1 the answers of a wrong worker may be in the run: it says since which checkpoint', () => {
    const state = audited(['a', 'b', 'c'], { auditRate: 0.999999, run: run({ shardCount: 1 }), checkpointEverySteps: 1 });
    for (let round = 0; round < 2; round += 1) {
      answer(state, 'a');
      answer(state, 'b');
      step(state, { type: 'committed' }, 10);
    }
    assert.equal(state.cursor.step, 1);
    join(state, 'd');
    const liar = [...state.workers.values()].find(({ shards }) => shards.length > 0)!.peer;
    const other = [...state.workers.values()].find(({ peer, shards }) => shards.length > 0 && peer !== liar)!.peer;
    answer(state, liar, 'wrong');
    answer(state, other);
    const third = [...state.workers.values()].find(({ shards }) => shards.length > 0)!.peer;
    assert.match(reasonOf(answer(state, third), 'worker-wrong'), /in doubt since its beginning: start it again/);

    state.wrong.clear();
    state.joinedAfterStep.set(other, 1);
    step(state, { type: 'committed' }, 10);
    answer(state, other, 'wrong');
    const remaining = [...state.workers.keys()].filter((peer) => peer !== other);
    let judged: Effect[] = [];
    for (const peer of remaining) if (state.workers.get(peer)!.shards.length > 0) judged = answer(state, peer);
    for (const peer of remaining) if (state.workers.get(peer)?.shards.length) judged = answer(state, peer);
    assert.match(reasonOf(judged, 'worker-wrong'), /since the checkpoint of step 1: go back there with --resume --step 1/);
  });

  test('which shards are checked depends on seed, round and shard alone, and their share is the rate', () => {
    const chosen = (seed: number, rate: number): boolean[] => {
      const state = audited(['a', 'b', 'c', 'd'], { auditRate: rate, run: run({ shardCount: 4, seed }) });
      const list: boolean[] = [];
      for (let round = 0; round < 100; round += 1) {
        for (const shard of [0, 1, 2, 3]) list.push(state.task!.audits.some(({ shards }) => shards[0] === shard));
        for (let turn = 0; turn < 3 && state.cursor.round === round; turn += 1)
          for (const { peer, shards } of state.workers.values())
            if (shards.length > 0 && kinds(answer(state, peer)).includes('commit')) step(state, { type: 'committed' }, 10);
      }
      return list;
    };
    const some = chosen(1, 0.25);
    assert.deepEqual(some, chosen(1, 0.25));
    assert.notDeepEqual(some, chosen(2, 0.25));
    const share = some.filter(Boolean).length / some.length;
    assert.ok(share > 0.15 && share < 0.35, String(share));
    assert.ok(chosen(1, 1).every(Boolean));
    assert.ok(!chosen(1, 0).some(Boolean));
  });

  test('with at most one liar, whatever it says and in whatever order they answer, only right answers count', () => {
    const order = fc.array(fc.nat(100), { minLength: 60, maxLength: 60 });
    const lies = fc.array(fc.constantFrom('right', 'wrong', 'wrong too'), { minLength: 60, maxLength: 60 });
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 4 }), fc.integer({ min: 1, max: 4 }), order, lies, (count, shardCount, choices, said) => {
        const state = audited(['a', 'b', 'c', 'd'].slice(0, count), { run: run({ shardCount }) });
        for (const [index, choice] of choices.entries()) {
          const owing = [...state.workers.values()].filter(({ shards }) => shards.length > 0);
          if (owing.length === 0) break;
          const { peer } = owing[choice % owing.length]!;
          const hash = peer === 'a' ? said[index]! : 'right';
          const effects = answer(state, peer, hash);
          assert.ok(!kinds(effects).includes('accept') || hash === 'right');
          assert.ok(effects.every((effect) => effect.do !== 'refuse' || effect.to === 'a'));
          if (kinds(effects).includes('commit')) step(state, { type: 'committed' }, 10);
        }
        assert.ok(state.cursor.round > 0 || state.stage !== 'training', 'it goes on, or says why not');
      }),
    );
  });
});
