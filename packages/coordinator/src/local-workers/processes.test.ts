/** Supervision, with processes and a clock that are played. */
import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { describe, test } from 'node:test';
import type { Failure } from '@lockstep/shared';
import { startLocalWorkers } from './processes.ts';
import type { End } from './worker-process.ts';

const crash: End = { code: null, how: 'SIGABRT', failure: undefined };

/** One worker, whose lives the test ends. */
function supervised() {
  let nowMs = 0;
  let timers: { atMs: number; callback: () => void }[] = [];
  const lives: { pid: number; end: (end: End) => void }[] = [];
  const said: string[] = [];
  const failures: Failure[] = [];
  const clock = {
    nowMs: () => nowMs,
    after(delayMs: number, callback: () => void) {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.push(timer);
      return { cancel: () => void (timers = timers.filter((each) => each !== timer)) };
    },
  };
  const worker = { name: 'local-0', args: [], environment: {}, core: undefined };
  const options = { workers: [worker], launcher: [], logDirectory: '/logs', gaveUp: (failure: Failure) => failures.push(failure), clock };
  const workers = startLocalWorkers({ ...options, say: (sentence) => said.push(sentence) }, (_worker, _launcher, _log, _say, ended) => {
    const pid = 100 + lives.length;
    const life = { pid, end: ended };
    lives.push(life);
    return { pid, kill: () => ended({ ...crash, how: 'SIGKILL' }), exited: Promise.resolve() };
  });
  return {
    said,
    failures,
    lives,
    end: () => lives.at(-1)!.end(crash),
    pass(ms: number) {
      const untilMs = nowMs + ms;
      for (;;) {
        const next = timers.toSorted((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined || next.atMs > untilMs) break;
        timers = timers.filter((each) => each !== next);
        nowMs = next.atMs;
        next.callback();
      }
      nowMs = untilMs;
    },
    takesPart: (shardsCommitted = 0) => workers.watch([{ host: hostname(), pid: lives.at(-1)!.pid, shardsCommitted }]),
    isAway: () => workers.watch([]),
  };
}

describe('supervision of local workers', () => {
  test('a worker whose work never counts is given up after six restarts, however long it lives', () => {
    const { said, failures, lives, end, pass, takesPart } = supervised();
    for (let life = 0; life < 7; life += 1) {
      takesPart();
      pass(31_000);
      end();
      pass(30_000);
    }
    assert.equal(lives.length, 7);
    assert.match(failures[0]!.reason, /^Worker local-0 cannot run \(SIGABRT\)\. See its log, \/logs\/local-0\.log\.$/);
    assert.equal(said.length, 6);
  });

  test('one whose work counts is started again for ever, later and later while it ends often', () => {
    const { said, failures, lives, end, pass, takesPart } = supervised();
    for (let life = 0; life < 20; life += 1) {
      takesPart(1);
      pass(1000);
      end();
      pass(30_000);
    }
    assert.deepEqual(failures, []);
    assert.equal(lives.length, 21);
    assert.match(said[0]!, / in 0\.25 s\.$/);
    assert.match(said[9]!, / in 30 s\.$/);
    takesPart(1);
    pass(300_000);
    end();
    assert.match(said.at(-1)!, / in 0\.25 s\.$/);
  });

  test('one that was let go and does not come back is killed and started again', () => {
    const { said, lives, pass, takesPart, isAway } = supervised();
    takesPart();
    pass(1_000_000);
    isAway();
    pass(4000);
    takesPart();
    pass(1_000_000);
    assert.deepEqual(said, [], 'one that comes back is left alone');
    isAway();
    pass(5250);
    assert.deepEqual(said, [
      'Worker local-0 has not said anything for 5 s; killing it.',
      'Worker local-0 ended (SIGKILL); starting it again in 0.25 s.',
    ]);
    assert.equal(lives.length, 2);
  });

  test('one that never says HELLO is killed too', () => {
    const { said, pass } = supervised();
    pass(119_000);
    assert.deepEqual(said, []);
    pass(1000);
    assert.match(said[0]!, /^Worker local-0 has not said anything for 120 s; killing it\.$/);
  });
});
