/** Set up a state, give it one event, look at the effects. No sockets, no clocks. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describe as describeState } from './describe.ts';
import type { Effect } from './effects.ts';
import type { Event } from './events.ts';
import { nextDeadlineMs } from './deadline.ts';
import type { State } from './state.ts';
import { step } from './step.ts';
import { assignedIn, create, fence, hello, join, kinds, ready, result } from './testing.ts';

describe('coordinator core', () => {
  test('waits for the workers wanted, names those that are ready, and prints the command that starts one more', () => {
    const state = create();
    join(state, 'a');
    assert.equal(state.stage, 'gathering');
    assert.match(describeState(state), /Waiting for 1 of 2 workers \(ready: a\)\. Start one with: worker --connect/);
    assert.equal(nextDeadlineMs(state), 1000);
  });

  test('assigns contiguous shards to every worker when the last one joins, with all weights', () => {
    const state = create();
    const effects = join(state, 'a', 'b');
    assert.deepEqual(assignedIn(effects), { a: [0, 1], b: [2, 3] });
    const assigned = effects.find((effect) => effect.do === 'assign')!;
    assert.deepEqual(assigned.sends, ['generator', 'discriminator']);
    assert.deepEqual(assigned.versions, { generator: 0, discriminator: 0 });
  });

  test('commits when every shard is in, and sends only what the commit changed', () => {
    const state = create();
    join(state, 'a', 'b');
    assert.deepEqual(kinds(step(state, result(state, 'b', [2, 3]), 0)), ['measure', 'accept']);
    assert.deepEqual(kinds(step(state, result(state, 'a', [0, 1]), 0)), ['measure', 'accept', 'commit']);
    const effects = step(state, { type: 'committed' }, 0);
    assert.deepEqual(assignedIn(effects), { a: [0, 1], b: [2, 3] });
    const assigned = effects.find((effect) => effect.do === 'assign')!;
    assert.deepEqual(assigned.sends, ['discriminator']);
    assert.deepEqual(state.cursor, { step: 0, phase: 1, repetition: 0, round: 1, samplePosition: 8 });
  });

  test('a step ends with a checkpoint, the run with a grid, a checkpoint and farewells', () => {
    const state = create({ workersWanted: 1 });
    join(state, 'a');
    const round = (): Effect[] => [...step(state, result(state, 'a', [0, 1, 2, 3]), 0), ...step(state, { type: 'committed' }, 0)];
    round();
    assert.deepEqual(kinds(round()), ['measure', 'accept', 'commit', 'complete-step', 'checkpoint', 'begin', 'assign']);
    round();
    assert.deepEqual(kinds(round()), ['measure', 'accept', 'commit', 'complete-step', 'begin', 'assign']);
    assert.deepEqual(kinds(step(state, result(state, 'a', [0], {}, 'generate'), 0)), [
      'measure',
      'save-grid',
      'checkpoint',
      'bye',
      'finish',
    ]);
    assert.deepEqual(kinds(step(state, hello('late'), 0)), ['bye']);
  });

  test('a checkpoint by time is taken when the first step ends after it is due, and not while one is being written', () => {
    const state = create({ workersWanted: 1, totalSteps: 100, checkpointEverySteps: 0, checkpointEveryMs: 1000 });
    join(state, 'a');
    const stepAt = (nowMs: number): boolean => {
      const effects = [0, 1].flatMap(() => [
        ...step(state, result(state, 'a', [0, 1, 2, 3]), nowMs),
        ...step(state, { type: 'committed' }, nowMs),
      ]);
      return kinds(effects).includes('checkpoint');
    };
    assert.deepEqual([999, 1000, 1500].map(stepAt), [false, true, false]);
    // The one before is still being written: the next waits for it, and is taken once.
    assert.deepEqual([2000, 2900].map(stepAt), [false, false]);
    assert.deepEqual(step(state, { type: 'checkpoint-settled' }, 2950), []);
    assert.deepEqual([3000, 3999, 4000].map(stepAt), [true, false, false]);
    step(state, { type: 'checkpoint-settled' }, 4000);
    assert.equal(stepAt(4001), true);
  });

  test('a checkpoint by steps that is due while one is being written is taken when a step ends afterwards; the last waits for none', () => {
    const state = create({ workersWanted: 1, totalSteps: 100, checkpointEverySteps: 2 });
    join(state, 'a');
    const round = (): Effect[] => [...step(state, result(state, 'a', [0, 1, 2, 3]), 0), ...step(state, { type: 'committed' }, 0)];
    const steps = (count: number): number[] =>
      Array.from({ length: count * 2 }, round).flatMap((effects) =>
        effects.flatMap((each) => (each.do === 'checkpoint' ? each.cursor.step : [])),
      );
    assert.deepEqual(steps(5), [2]);
    step(state, { type: 'checkpoint-settled' }, 0);
    assert.deepEqual(steps(2), [6]);
    const diverge = (): string[] => {
      const diverging = structuredClone(state);
      diverging.repeatedRound = diverging.cursor.round;
      return kinds(step(diverging, { type: 'diverged', reason: 'NaN', figures: 'figures' }, 0));
    };
    assert.deepEqual(diverge(), ['bye', 'finish']);
    steps(1);
    assert.deepEqual(diverge(), ['checkpoint', 'bye', 'finish']);
    const effects = step(state, { type: 'stop', reason: 'SIGTERM' }, 0);
    assert.ok(effects.some((each) => each.do === 'checkpoint' && each.isLast && each.cursor.step === 8));
  });

  test('reassigns the shards of a lost worker, to whichever worker is idle first', () => {
    const state = create();
    join(state, 'a', 'b');
    const lost = step(state, { type: 'down', peer: 'a' }, 0);
    assert.deepEqual(kinds(lost), ['worker-left', 'shards-reassigned', 'count-reassigned']);
    const effects = step(state, result(state, 'b', [2, 3]), 0);
    assert.deepEqual(assignedIn(effects), { b: [0, 1] });
    assert.deepEqual(kinds(step(state, result(state, 'b', [0, 1]), 0)), ['measure', 'accept', 'commit']);
  });

  test('a late worker gets waiting shards at once, or takes part from the next round', () => {
    const state = create({ workersWanted: 1 });
    join(state, 'a');
    assert.deepEqual(assignedIn(join(state, 'b')), {});
    step(state, result(state, 'a', [0, 1, 2, 3]), 0);
    assert.deepEqual(assignedIn(step(state, { type: 'committed' }, 0)), { a: [0, 1], b: [2, 3] });
  });

  test('workers beyond the shards are spares, and the record says which flag would use them', () => {
    const state = create({ workersWanted: 5 });
    const effects = join(state, 'a', 'b', 'c', 'd', 'e');
    assert.deepEqual(assignedIn(effects), { a: [0], b: [1], c: [2], d: [3] });
    const start = effects.find((effect) => effect.do === 'record' && effect.entry.event === 'training');
    assert.match(JSON.stringify(start), /1 of them is a hot spare; --shards 5 would use all/);
  });

  for (const [what, changes, reason] of [
    ['another run', { runId: 'x' }, 'other-run'],
    ['another term', { term: 0 }, 'other-term'],
    ['another peer', { peer: 'z' }, 'unknown-worker'],
    ['another round', { round: 9 }, 'other-round'],
  ] as const) {
    test(`drops and counts a result of ${what}`, () => {
      const state = create();
      join(state, 'a', 'b');
      const effects = step(state, result(state, 'a', [0, 1], changes), 0);
      assert.deepEqual(effects[0], { do: 'count-dropped', reason });
      assert.equal(kinds(effects).includes('accept'), false);
    });
  }

  test('drops a duplicate result', () => {
    const state = create();
    join(state, 'a', 'b');
    const message = result(state, 'a', [0, 1]);
    assert.deepEqual(kinds(step(state, message, 0)), ['measure', 'accept']);
    assert.deepEqual(step(state, message, 0), [{ do: 'count-dropped', reason: 'unasked' }]);
  });

  test('refuses a worker whose result covers other shards than it was assigned', () => {
    const state = create();
    join(state, 'a', 'b');
    const effects = step(state, result(state, 'a', [0, 1, 2, 3]), 0);
    assert.deepEqual(kinds(effects), ['refuse', 'worker-refused', 'worker-left', 'shards-reassigned', 'count-reassigned']);
    assert.match(JSON.stringify(effects), /covers shards 0,1,2,3 instead of 0,1/);
  });

  test('a worker that does not answer in time is removed, and its shards wait', () => {
    const state = create();
    join(state, 'a', 'b');
    step(state, result(state, 'b', [2, 3]), 50);
    assert.deepEqual(step(state, { type: 'tick' }, 99), []);
    const effects = step(state, { type: 'tick' }, 100);
    assert.deepEqual(kinds(effects), ['bye', 'worker-left', 'shards-reassigned', 'count-reassigned', 'assign']);
    assert.deepEqual(assignedIn(effects), { b: [0, 1] });
  });

  test('a worker that lacks weights gets them with the work again, a bounded number of times', () => {
    const state = create();
    join(state, 'a', 'b');
    const need = (): Effect[] =>
      step(
        state,
        { type: 'need', peer: 'a', fence: fence(state, 'a'), workId: state.workers.get('a')!.work!.id, networks: ['generator'] },
        0,
      );
    const [again] = need();
    assert.deepEqual(again?.do === 'assign' && { shards: again.shards, sends: again.sends }, { shards: [0, 1], sends: ['generator'] });
    need();
    need();
    assert.equal(kinds(need())[0], 'refuse');
  });

  test('tensors that were damaged on their way are counted and asked for again, a bounded number of times in a row', () => {
    const state = create();
    join(state, 'a', 'b');
    const damaged = (direction: 'sent' | 'received'): Effect[] => {
      const { id } = state.workers.get('a')!.work!;
      const networks = direction === 'sent' ? ['generator'] : [];
      return step(state, { type: 'need', peer: 'a', fence: fence(state, 'a'), workId: id, networks, damaged: direction }, 0);
    };
    const [counted, again] = damaged('received');
    assert.deepEqual(counted, { do: 'count-damaged', direction: 'received' });
    assert.deepEqual(again?.do === 'assign' && { shards: again.shards, sends: again.sends }, { shards: [0, 1], sends: [] });
    assert.deepEqual(kinds(damaged('sent')), ['count-damaged', 'assign']);
    // A whole answer clears the count.
    step(state, result(state, 'a', [0, 1]), 0);
    step(state, result(state, 'b', [2, 3]), 0);
    step(state, { type: 'committed' }, 0);
    for (const direction of ['sent', 'received', 'sent'] as const) assert.deepEqual(kinds(damaged(direction)), ['count-damaged', 'assign']);
    const last = damaged('received');
    assert.deepEqual(kinds(last).slice(0, 2), ['count-damaged', 'refuse']);
    assert.match(JSON.stringify(last[1]), /Tensors arrived damaged 4 times in a row\. Check the network/);
  });

  test('refuses different manifests, and different bits unless they are allowed', () => {
    const state = create();
    join(state, 'a');
    step(state, hello('b'), 0);
    assert.match(JSON.stringify(step(state, ready(state, 'b', { manifestKey: 'other' }), 0)), /recipe-mismatch/);
    step(state, hello('c'), 0);
    assert.match(JSON.stringify(step(state, ready(state, 'c', { fingerprint: 'other' }), 0)), /numerics-mismatch.*--allow-mixed-numerics/);
    const lenient = create({ allowMixedNumerics: true });
    join(lenient, 'a');
    step(lenient, hello('c'), 0);
    assert.equal(kinds(step(lenient, ready(lenient, 'c', { fingerprint: 'other' }), 0))[1], 'worker-joined');
  });

  test('a newer worker of the same name replaces the older one', () => {
    const state = create();
    join(state, 'a1');
    const effects = step(state, hello('a2', 'a1'), 0);
    assert.deepEqual(kinds(effects), ['refuse', 'worker-refused', 'worker-left', 'welcome']);
  });

  test('below --min-workers it pauses, says so, and gives up after --join-timeout with a checkpoint', () => {
    const state = create({ minWorkers: 2 });
    join(state, 'a', 'b');
    assert.deepEqual(kinds(step(state, { type: 'down', peer: 'a' }, 10)).at(-1), 'waiting');
    assert.equal(state.stage, 'starved');
    step(state, result(state, 'b', [2, 3]), 20);
    const effects = step(state, { type: 'tick' }, 1010);
    assert.deepEqual(kinds(effects), ['checkpoint', 'bye', 'finish']);
    assert.match(JSON.stringify(effects.at(-1)), /workers-missing/);
  });

  test('ends with a checkpoint when no local worker will be started again, even if the last connection is lost only later', () => {
    const state = create({ workersWanted: 1 });
    join(state, 'a');
    assert.deepEqual(step(state, { type: 'spawn-gave-up', code: 'backend-unavailable', reason: 'No local worker can run.' }, 0), []);
    const effects = step(state, { type: 'down', peer: 'a' }, 0);
    assert.deepEqual(kinds(effects).slice(-2), ['checkpoint', 'finish']);
    assert.deepEqual(effects.at(-1), { do: 'finish', outcome: 'failed', reason: 'No local worker can run.', code: 'backend-unavailable' });
    const fresh = create();
    assert.deepEqual(kinds(step(fresh, { type: 'spawn-gave-up', code: 'backend-unavailable', reason: 'No local worker can run.' }, 0)), [
      'finish',
    ]);
  });

  test('keeps waiting if another worker joins after the local workers gave up', () => {
    const state = create({ workersWanted: 1 });
    step(state, hello('local'), 0);
    step(state, { type: 'spawn-gave-up', code: 'backend-unavailable', reason: 'No local worker can run.' }, 0);
    join(state, 'a');
    step(state, { type: 'down', peer: 'local' }, 0);
    step(state, { type: 'down', peer: 'a' }, 0);
    assert.equal(state.stage, 'starved');
  });

  test('a worker that fails says so in LEAVE, and if no worker follows the run ends with its code and sentence', () => {
    const leave = (state: State): Event => ({ type: 'leave', peer: 'a', fence: fence(state, 'a'), code: 'recipe-invalid', reason: 'No.' });
    const state = create({ workersWanted: 1 });
    step(state, hello('a'), 0);
    assert.deepEqual(step(state, leave(state), 0), [
      { do: 'record', entry: { event: 'worker-failed', worker: 'a', code: 'recipe-invalid', reason: 'No.' } },
    ]);
    const end = step(state, { type: 'tick' }, 1000).at(-1);
    assert.deepEqual(end, { do: 'finish', outcome: 'failed', reason: 'No.', code: 'recipe-invalid' });

    const again = create({ workersWanted: 1 });
    join(again, 'a');
    step(again, leave(again), 0);
    join(again, 'b');
    step(again, { type: 'down', peer: 'b' }, 0);
    assert.match(
      JSON.stringify(step(again, { type: 'tick' }, 1000).at(-1)),
      /"code":"workers-missing"/,
      'a later worker joined, so the failure no longer counts',
    );
  });

  test('a checkpoint carries cursor, versions and fingerprint, and pictures go straight into their grid', () => {
    const state = create({ workersWanted: 1, totalSteps: 1 });
    join(state, 'a');
    for (let round = 0; round < 2; round += 1) {
      step(state, result(state, 'a', [0, 1, 2, 3]), 0);
      step(state, { type: 'committed' }, 0);
    }
    const effects = step(state, result(state, 'a', [0], {}, 'generate'), 0);
    assert.deepEqual(effects[1], { do: 'save-grid', step: 1, pictures: 'the tensors' });
    assert.deepEqual(effects[2], {
      do: 'checkpoint',
      cursor: { step: 1, phase: 0, repetition: 0, round: 2, samplePosition: 8 },
      versions: { generator: 1, discriminator: 1 },
      fingerprint: 'f',
      isLast: true,
      skippedRounds: 0,
    });
  });

  test('starts with fewer after --join-timeout if --min-workers are ready', () => {
    const state = create();
    join(state, 'a');
    const effects = step(state, { type: 'tick' }, 1000);
    assert.deepEqual(kinds(effects), ['training', 'begin', 'assign']);
  });

  test('a resumed run goes on without those that are missing, ten seconds after there are enough', () => {
    const resumed = { manifestKey: 'm', fingerprint: 'f' };
    const state = create({ workersWanted: 3, minWorkers: 2, joinTimeoutMs: 600_000 }, resumed);
    join(state, 'a');
    assert.deepEqual([nextDeadlineMs(state), kinds(step(state, { type: 'tick' }, 60_000))], [600_000, []]);
    step(state, hello('b'), 70_000);
    assert.deepEqual(kinds(step(state, ready(state, 'b'), 70_000)), ['settle', 'worker-joined']);
    assert.equal(nextDeadlineMs(state), 80_000);
    // Too few again: nothing but --join-timeout limits the wait.
    step(state, { type: 'down', peer: 'b' }, 75_000);
    assert.equal(nextDeadlineMs(state), 600_000);
    step(state, hello('b'), 90_000);
    step(state, ready(state, 'b'), 90_000);
    assert.deepEqual(kinds(step(state, { type: 'tick' }, 99_999)), []);
    const effects = step(state, { type: 'tick' }, 100_000);
    assert.deepEqual(kinds(effects), ['training', 'begin', 'assign', 'assign']);
    assert.match(JSON.stringify(effects[0]), /Continuing with 2 workers: 1 worker may join at any time/);
    assert.equal(Object.keys(assignedIn(join(state, 'c'))).length, 0);

    const complete = create({ workersWanted: 2, minWorkers: 2 }, resumed);
    assert.deepEqual(Object.keys(assignedIn(join(complete, 'a', 'b'))), ['a', 'b']);
  });

  test('stop drops the round under way, checkpoints the cursor and says BYE to the workers', () => {
    const state = create();
    join(state, 'a', 'b');
    step(state, result(state, 'a', [0, 1]), 0);
    const effects = step(state, { type: 'stop', reason: 'stopped by SIGINT' }, 0);
    assert.deepEqual(kinds(effects), ['checkpoint', 'bye', 'bye', 'finish']);
    assert.deepEqual(step(state, result(state, 'b', [2, 3]), 0), []);
  });

  describe('a round that is not finite', () => {
    const diverged = { type: 'diverged', reason: 'The loss is NaN.', figures: 'figures' } as const;
    const all = [0, 1, 2, 3];

    test('is computed once more; then the run ends with its reason', () => {
      const state = create({ workersWanted: 1 });
      join(state, 'a');
      step(state, result(state, 'a', all), 0);
      assert.deepEqual(kinds(step(state, diverged, 0)), ['count-nonfinite', 'round-repeated', 'begin', 'assign']);
      assert.deepEqual(kinds(step(state, result(state, 'a', all), 0)), ['measure', 'accept', 'commit']);
      const effects = step(state, diverged, 0);
      assert.deepEqual(effects.at(-1), { do: 'finish', outcome: 'failed', reason: 'The loss is NaN.', code: 'diverged' });
    });

    test('is committed if it is finite the second time, and the next one that is not has a second time too', () => {
      const state = create({ workersWanted: 1 });
      join(state, 'a');
      for (let round = 0; round < 2; round += 1) {
        step(state, result(state, 'a', all), 0);
        assert.ok(kinds(step(state, diverged, 0)).includes('round-repeated'));
        step(state, result(state, 'a', all), 0);
        step(state, { type: 'committed' }, 0);
        assert.equal(state.cursor.round, round + 1);
      }
      assert.equal(state.skippedRounds, 0);
    });

    test('is left out with --on-nonfinite skip: the cursor advances, versions stay, and the checkpoint counts it', () => {
      const { run } = create().plan;
      const state = create({ workersWanted: 1, run: { ...run, onNonfinite: 'skip' } });
      join(state, 'a');
      const skipped = (): Effect[] => {
        step(state, result(state, 'a', all), 0);
        step(state, diverged, 0);
        step(state, result(state, 'a', all), 0);
        return step(state, diverged, 0);
      };
      const effects = skipped();
      assert.deepEqual(kinds(effects), ['skip', 'round-skipped', 'begin', 'assign']);
      assert.deepEqual(effects[0], { do: 'skip', figures: 'figures' });
      assert.deepEqual([state.cursor.round, state.cursor.samplePosition], [1, 8]);
      assert.deepEqual(state.versions, { generator: 0, discriminator: 0 });
      const assign = effects.find((effect) => effect.do === 'assign');
      assert.deepEqual(assign?.do === 'assign' && assign.sends, [], 'the weights are the same');
      const saved = skipped().find((effect) => effect.do === 'checkpoint');
      assert.deepEqual(saved?.do === 'checkpoint' && [saved.cursor.step, saved.skippedRounds], [1, 2]);
    });

    test('is computed by two workers the second time, so that one that is to blame is found', () => {
      const { run } = create().plan;
      const state = create({ workersWanted: 3, run: { ...run, shardCount: 1 } });
      join(state, 'a', 'b', 'c');
      const answer = (peer: string, hash: string): Effect[] => step(state, { ...result(state, peer, [0]), hash } as Event, 0);
      step(state, result(state, 'a', [0]), 0);
      assert.deepEqual(assignedIn(step(state, diverged, 0)), { a: [0], b: [0] });
      answer('a', 'not finite');
      assert.deepEqual(assignedIn(answer('b', 'right')), { c: [0] });
      const effects = answer('c', 'right');
      assert.ok(effects.some((effect) => effect.do === 'refuse' && effect.to === 'a'));
      assert.ok(kinds(effects).includes('commit'));
    });

    test('does not wait for a second worker that is lost', () => {
      const { run } = create().plan;
      const state = create({ workersWanted: 2, run: { ...run, shardCount: 2 } });
      join(state, 'a', 'b');
      step(state, result(state, 'a', [0]), 0);
      step(state, result(state, 'b', [1]), 0);
      step(state, diverged, 0);
      step(state, { ...result(state, 'a', [0]), hash: 'right' } as Event, 0);
      assert.deepEqual(assignedIn(step(state, { type: 'down', peer: 'b' }, 0)), {}, 'a computes shard 1 already');
      assert.deepEqual(assignedIn(step(state, result(state, 'a', [1]), 0)), { a: [0] });
      assert.ok(kinds(step(state, result(state, 'a', [0]), 0)).includes('commit'));
    });
  });
});
