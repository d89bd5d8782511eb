/** What is usual, what is late, who is slow. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lateAfterMs, learn, type Pace, type WorkerPace } from './pace.ts';

const fresh = (): WorkerPace => ({ slowness: 1, recent: [] });

function learnAll(pace: Pace, worker: WorkerPace, times: readonly number[], counts = true): void {
  for (const msPerShard of times) learn(pace, worker, { kind: 0, msPerShard, counts });
}

describe('pace', () => {
  test('nothing is late before a few answers have shown what is usual, for each kind of work apart', () => {
    const pace: Pace = new Map();
    learnAll(pace, fresh(), [100, 100, 100]);
    assert.equal(lateAfterMs(pace, 0, 1), undefined);
    learnAll(pace, fresh(), [100]);
    assert.equal(lateAfterMs(pace, 0, 1), 200);
    assert.equal(lateAfterMs(pace, 0, 3), 600, 'three shards take three times as long');
    assert.equal(lateAfterMs(pace, 1, 1), undefined);
  });

  test('where times vary, more is waited for; where they are tiny, never less than the floor', () => {
    const pace: Pace = new Map();
    learnAll(pace, fresh(), [60, 80, 100, 120, 140]);
    assert.equal(lateAfterMs(pace, 0, 1), 100 + 6 * 20);
    const quick: Pace = new Map();
    learnAll(quick, fresh(), [1, 1, 1, 1]);
    assert.equal(lateAfterMs(quick, 0, 1), 50);
  });

  test('answers that came too late do not make lateness usual', () => {
    const pace: Pace = new Map();
    learnAll(pace, fresh(), [100, 100, 100, 100]);
    learnAll(
      pace,
      fresh(),
      Array.from({ length: 50 }, () => 3000),
      false,
    );
    assert.equal(lateAfterMs(pace, 0, 1), 200);
  });

  test('a worker is known as slow after a few answers, and as fast again after a few more; noise changes nothing', () => {
    const pace: Pace = new Map();
    learnAll(
      pace,
      fresh(),
      Array.from({ length: 64 }, () => 100),
    );
    const worker = fresh();
    learnAll(pace, worker, [140, 70, 130, 90, 145]);
    assert.equal(worker.slowness, 1);
    learnAll(
      pace,
      worker,
      Array.from({ length: 5 }, () => 500),
      false,
    );
    assert.equal(worker.slowness, 5);
    learnAll(
      pace,
      worker,
      Array.from({ length: 5 }, () => 100),
    );
    assert.equal(worker.slowness, 1);
  });

  test('one that pauses now and then is not slow', () => {
    const pace: Pace = new Map();
    learnAll(pace, fresh(), [10, 10, 10, 10]);
    const worker = fresh();
    for (let pause = 0; pause < 10; pause += 1) {
      learnAll(pace, worker, [10, 10, 10]);
      learnAll(pace, worker, [3000], false);
    }
    assert.equal(worker.slowness, 1);
  });

  test('what is kept is bounded', () => {
    const pace: Pace = new Map();
    const worker = fresh();
    learnAll(
      pace,
      worker,
      Array.from({ length: 10_000 }, () => 10),
    );
    assert.ok(pace.get(0)!.length <= 64 && worker.recent.length <= 64);
  });
});
