import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RunSettings } from '@lockstep/shared';
import type { Effect, Event, WorkOrder } from './events.ts';
import { createState, nextDeadlineMs, type State } from './state.ts';
import { step } from './step.ts';

const run: RunSettings = { recipe: { name: 'gan', hash: 'h' }, seed: 1, batchSize: 8, shardCount: 4, execution: 'graph' };
const fence = (term = 1, round = 0) => ({ runId: 'r', term, peer: 'i', round });
const prepared: Event = { type: 'prepared', run, built: 'the networks' };
const order: WorkOrder = {
  workId: 5,
  task: 'gradient',
  phase: 0,
  shards: [0],
  pictures: 0,
  versions: { g: 0, d: 0 },
  sends: ['g', 'd'],
  payload: undefined,
};
const create = (): State => createState({ reconnectTimeoutMs: 1000, endpoint: 'tcp://c:1' }, 0);
const kinds = (effects: Effect[]): string[] => effects.map((effect) => effect.do);
const give = (state: State, ...events: Event[]): string[][] => events.map((event) => kinds(step(state, event, 0)));

describe('worker core', () => {
  test('says HELLO, prepares, is READY, computes and answers', () => {
    const state = create();
    const work = fence();
    assert.deepEqual(
      give(
        state,
        { type: 'up' },
        { type: 'welcome', fence: fence(), run, region: 'memory' },
        prepared,
        { type: 'work', fence: work, order },
        { type: 'computed', fence: work, workId: 5, answer: 'the tensors' },
      ),
      [['hello'], ['share', 'prepare'], ['ready'], ['compute'], ['result']],
    );
  });

  test('an order that comes again is not computed again: the answer would replace one in shared memory that may still be read', () => {
    const state = create();
    const work = (workId: number, term = 1): Event => ({ type: 'work', fence: fence(term), order: { ...order, workId } });
    give(state, { type: 'up' }, { type: 'welcome', fence: fence(), run, region: 'memory' }, prepared);
    assert.deepEqual(give(state, work(5), work(5), work(6), work(5)), [['compute'], [], ['compute'], []]);
    // Over another connection of the same term numbers go on; a new term begins anew.
    give(state, { type: 'welcome', fence: fence(), run, region: 'memory' });
    assert.deepEqual(give(state, work(6), work(7)), [[], ['compute']]);
    give(state, { type: 'welcome', fence: fence(2), run, region: 'memory' });
    assert.deepEqual(give(state, work(1, 2)), [['compute']]);
  });

  test('passes on what the runtime gave it: the networks with READY, the answer with RESULT, the offer of memory', () => {
    const state = create();
    step(state, { type: 'up' }, 0);
    assert.deepEqual(step(state, { type: 'welcome', fence: fence(), run, region: 'memory' }, 0)[0], { do: 'share', region: 'memory' });
    assert.deepEqual(step(state, prepared, 0), [{ do: 'ready', fence: fence(), built: 'the networks' }]);
    step(state, { type: 'work', fence: fence(), order }, 0);
    assert.deepEqual(step(state, { type: 'computed', fence: fence(), workId: 5, answer: 'the tensors' }, 0), [
      { do: 'result', fence: fence(), workId: 5, answer: 'the tensors' },
    ]);
  });

  test('networks of another run than that of the last WELCOME do not make it READY', () => {
    const state = create();
    const other = { ...run, seed: 2 };
    give(state, { type: 'up' }, { type: 'welcome', fence: fence(1), run, region: undefined });
    give(state, { type: 'welcome', fence: fence(2), run: other, region: undefined });
    assert.deepEqual(give(state, prepared), [[]]);
    assert.deepEqual(step(state, { type: 'prepared', run: other, built: 'others' }, 0), [
      { do: 'ready', fence: fence(2), built: 'others' },
    ]);
  });

  test('a run that was replaced while its networks were built does no harm if they fail, and answers for nobody else', () => {
    const state = create();
    const other = { ...run, seed: 2 };
    give(state, { type: 'up' }, { type: 'welcome', fence: fence(1), run, region: undefined });
    give(state, { type: 'welcome', fence: fence(2), run: other, region: undefined });
    assert.deepEqual(give(state, { type: 'failed', run, code: 'recipe-mismatch', reason: 'another recipe' }), [[]]);
    // Back to the first, whose networks are still the ones that were built for it.
    give(state, { type: 'welcome', fence: fence(3), run, region: undefined });
    assert.deepEqual(give(state, { type: 'prepared', run: other, built: 'others' }), [[]]);
    assert.deepEqual(step(state, prepared, 0), [{ do: 'ready', fence: fence(3), built: 'the networks' }]);
    const [leave] = step(state, { type: 'failed', code: 'compute-failed', reason: 'out of memory' }, 0);
    assert.equal(leave!.do, 'leave');
  });

  test('asked to stop while it computes, it answers first and leaves then; not without a coordinator, nor for longer than five seconds', () => {
    const working = (): State => {
      const state = create();
      give(state, { type: 'up' }, { type: 'welcome', fence: fence(), run, region: 'memory' }, prepared, {
        type: 'work',
        fence: fence(),
        order,
      });
      assert.deepEqual(step(state, { type: 'stop', code: 'stopped', reason: 'SIGTERM' }, 100), []);
      assert.equal(nextDeadlineMs(state), 5100);
      return state;
    };
    const computed: Event = { type: 'computed', fence: fence(), workId: 5, answer: 'the tensors' };
    assert.deepEqual(give(working(), computed), [['result', 'leave', 'exit']]);
    assert.deepEqual(give(working(), { type: 'down' }), [['exit']]);
    assert.deepEqual(give(working(), { type: 'bye', ended: true, reason: 'done' }), [['exit']]);
    const state = working();
    assert.deepEqual(step(state, { type: 'tick' }, 5099), []);
    assert.deepEqual(step(state, { type: 'tick' }, 5100).at(-1), { do: 'exit', code: 'stopped', reason: 'SIGTERM' });
  });

  test('gives up after --reconnect-timeout, and says where it looked', () => {
    const state = create();
    assert.equal(nextDeadlineMs(state), 1000);
    assert.deepEqual(step(state, { type: 'tick' }, 999), []);
    const [exit] = step(state, { type: 'tick' }, 1000);
    assert.match(JSON.stringify(exit), /No coordinator answered at tcp:\/\/c:1 within 1 s.*coordinator-unreachable/);
    assert.deepEqual(step(state, { type: 'up' }, 1001), []);
  });

  test('looks for a lost coordinator again; the time counts from the first loss', () => {
    const state = create();
    give(state, { type: 'up' }, { type: 'welcome', fence: fence(), run, region: 'memory' }, prepared);
    step(state, { type: 'down' }, 5000);
    step(state, { type: 'down' }, 5900);
    assert.equal(nextDeadlineMs(state), 6000);
  });

  describe('a connection that breaks over and over', () => {
    const timeoutMs = 1000;
    /** Joins, gets one order, loses the connection, as often as it takes until something else than a search follows. */
    const loseAgainAndAgain = (state: State, everyMs: number, between: (count: number) => void): Effect[] => {
      for (let count = 1; count <= 20; count += 1) {
        give(state, { type: 'up' });
        step(state, { type: 'welcome', fence: fence(), run, region: undefined }, count * everyMs);
        give(state, prepared, { type: 'work', fence: fence(), order: { ...order, workId: 10 * count } });
        between(count);
        const effects = step(state, { type: 'down' }, (count + 1) * everyMs);
        if (effects[0]?.do === 'exit') return effects;
      }
      return [];
    };

    test('before an answer got through is given up after --reconnect-timeout, without a LEAVE that could not arrive', () => {
      const effects = loseAgainAndAgain(create(), timeoutMs / 2, () => {});
      assert.deepEqual(kinds(effects), ['exit']);
      assert.match(JSON.stringify(effects), /tcp:\/\/c:1 broke 3 times within 1 s, and no answer got through.*coordinator-unreachable/);
    });

    test('is looked for again as long as answers get through', () => {
      const state = create();
      const answer = (count: number): void => {
        const [workId, next] = [10 * count, { ...order, workId: 10 * count + 1 }];
        give(state, { type: 'computed', fence: fence(), workId, answer: 'the tensors' }, { type: 'work', fence: fence(), order: next });
      };
      assert.deepEqual(loseAgainAndAgain(state, timeoutMs / 2, answer), []);
    });

    test('counts an answer only once the coordinator asks for more', () => {
      const state = create();
      const answer = (count: number): void =>
        void give(state, { type: 'computed', fence: fence(), workId: 10 * count, answer: 'the tensors' });
      assert.deepEqual(kinds(loseAgainAndAgain(state, timeoutMs / 2, answer)), ['exit']);
    });

    test('is looked for again if it held for long, or the coordinator was started anew', () => {
      assert.deepEqual(
        loseAgainAndAgain(create(), timeoutMs, () => {}),
        [],
      );
      const state = create();
      const restart = (count: number): void =>
        void step(state, { type: 'welcome', fence: fence(1 + count), run, region: undefined }, count * (timeoutMs / 2));
      assert.deepEqual(loseAgainAndAgain(state, timeoutMs / 2, restart), []);
    });
  });

  test('after a reconnect to the same run it is READY at once, without building again', () => {
    const state = create();
    give(state, { type: 'up' }, { type: 'welcome', fence: fence(1), run, region: 'memory' }, prepared, { type: 'down' });
    assert.deepEqual(give(state, { type: 'up' }, { type: 'welcome', fence: fence(2), run, region: 'memory' }), [
      ['hello'],
      ['share', 'ready'],
    ]);
    assert.deepEqual(give(state, { type: 'welcome', fence: fence(3), run: { ...run, seed: 2 }, region: 'memory' }), [['share', 'prepare']]);
  });

  test('a result from before the reconnect is not sent', () => {
    const state = create();
    const work = fence(1);
    give(state, { type: 'up' }, { type: 'welcome', fence: fence(1), run, region: 'memory' }, prepared, {
      type: 'work',
      fence: work,
      order,
    });
    assert.deepEqual(
      give(
        state,
        { type: 'down' },
        { type: 'up' },
        { type: 'welcome', fence: fence(2), run, region: 'memory' },
        { type: 'computed', fence: work, workId: 5, answer: 'the tensors' },
      ),
      [['say'], ['hello'], ['share', 'ready'], []],
    );
  });

  test('never computes with weights it lacks: it asks for them', () => {
    const state = create();
    give(state, { type: 'up' }, { type: 'welcome', fence: fence(), run, region: 'memory' }, prepared);
    assert.deepEqual(step(state, { type: 'work', fence: fence(), order: { ...order, sends: ['g'] } }, 0), [
      // The weights that came with it are not kept either.
      { do: 'need', fence: fence(), workId: 5, networks: ['g', 'd'], damaged: false },
    ]);
    give(state, { type: 'work', fence: fence(), order: { ...order, workId: 6 } });
    assert.deepEqual(
      give(state, { type: 'work', fence: fence(1, 1), order: { ...order, workId: 7, sends: ['g'], versions: { g: 1, d: 0 } } }),
      [['compute']],
    );
    assert.deepEqual(
      give(state, { type: 'work', fence: fence(1, 2), order: { ...order, workId: 8, sends: ['g'], versions: { g: 2, d: 1 } } }),
      [['need']],
    );
  });

  test('asks again for an order whose tensors were damaged, and keeps none of its weights', () => {
    const state = create();
    give(state, { type: 'up' }, { type: 'welcome', fence: fence(), run, region: 'memory' }, prepared);
    const lost = { type: 'lost-weights', fence: fence(), workId: 5, networks: ['g', 'd'], damaged: true } as const;
    assert.deepEqual(step(state, lost, 0), [{ do: 'need', fence: fence(), workId: 5, networks: ['g', 'd'], damaged: true }]);
    assert.deepEqual(give(state, { type: 'work', fence: fence(), order: { ...order, sends: [] } }), [['need']]);
  });

  test('ignores WORK of another term of the coordinator', () => {
    const state = create();
    give(state, { type: 'up' }, { type: 'welcome', fence: fence(2), run, region: 'memory' }, prepared);
    assert.deepEqual(give(state, { type: 'work', fence: fence(1), order }), [[]]);
  });

  test('ends without a LEAVE when the run is over', () => {
    const state = create();
    give(state, { type: 'up' }, { type: 'welcome', fence: fence(), run, region: 'memory' }, prepared);
    assert.deepEqual(step(state, { type: 'bye', ended: true, reason: 'done' }, 0), [{ do: 'exit', reason: 'done' }]);
  });

  test('ends with success when told to stop, with a code when it failed, and says LEAVE to the coordinator', () => {
    for (const [event, expected] of [
      [
        { type: 'stop', reason: 'SIGINT' },
        { do: 'exit', reason: 'SIGINT' },
      ],
      [
        { type: 'stop', code: 'stopped', reason: 'SIGTERM' },
        { do: 'exit', code: 'stopped', reason: 'SIGTERM' },
      ],
      [
        { type: 'failed', code: 'compute-failed', reason: 'out of memory' },
        { do: 'exit', code: 'compute-failed', reason: 'out of memory' },
      ],
    ] as const) {
      const state = create();
      give(state, { type: 'up' }, { type: 'welcome', fence: fence(), run, region: 'memory' }, prepared);
      const effects = step(state, event, 0);
      assert.deepEqual(kinds(effects), ['leave', 'exit']);
      assert.deepEqual(effects[1], expected);
    }
  });
});
