import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answered, createStragglers, type Stragglers } from './stragglers.ts';

/** Scatter that is the same in every run of the test. */
function createNoise(): () => number {
  let state = 1;
  return () => ((state = (state * 16_807) % 2_147_483_647) / 2_147_483_647) * 2 - 1;
}

type Delays = Readonly<Record<string, Partial<Pick<Answered, 'shards'>> & { readonly compute?: number; readonly link?: number }>>;

/** A round that goes on without `away`: of a phase in which a shard takes 50 ms and a link 4 ms. */
function without(stragglers: Stragglers, rounds: number, others: readonly string[], away: readonly string[]): void {
  const answers = others.map((worker) => ({ worker, shards: 1, computeSeconds: 0.05, answerSeconds: 0.054 }));
  for (let round = 0; round < rounds; round += 1) stragglers.round(0, answers, away);
}

const late = (worker: string, { compute = 0, link = 0 }): Answered => ({
  worker,
  shards: 1,
  computeSeconds: 0.05 + compute,
  answerSeconds: 0.054 + compute + link,
});

/** Rounds in which a shard takes 50 ms and a link 4 ms, both with a scatter of a tenth, plus what is said of each worker. */
function feed(stragglers: Stragglers, rounds: number, workers: Delays, noise = createNoise()): void {
  for (let round = 0; round < rounds; round += 1) {
    stragglers.round(
      0,
      Object.entries(workers).map(([worker, { shards = 1, compute = 0, link = 0 }]) => {
        const computeSeconds = shards * (0.05 + 0.005 * noise()) + compute;
        return { worker, shards, computeSeconds, answerSeconds: computeSeconds + 0.004 + 0.0004 * noise() + link };
      }),
    );
  }
}

const causes = ({ standings }: Stragglers): Record<string, string | undefined> =>
  Object.fromEntries([...standings].map(([worker, { cause }]) => [worker, cause]));

test('of four workers, one slow in compute and one by its link are named, each with its cause', () => {
  const stragglers = createStragglers();
  feed(stragglers, 12, { a: {}, b: { compute: 0.2 }, c: {}, d: { link: 0.2 } });
  assert.deepEqual(causes(stragglers), { a: undefined, b: 'compute', c: undefined, d: 'link' });
  assert.ok(Math.abs(stragglers.standings.get('b')!.lateSeconds - 0.2) < 0.02);
  assert.ok(Math.abs(stragglers.standings.get('d')!.lateSeconds - 0.2) < 0.02);
});

test('workers whose shards others compute are named as soon as if everybody had waited for them, and named still when they answer', () => {
  const stragglers = createStragglers();
  feed(stragglers, 2, { a: {}, b: { compute: 0.2 }, c: {}, d: { link: 0.2 } });
  without(stragglers, 6, ['a', 'c'], ['b', 'd']);
  const expected = { a: undefined, b: 'compute', c: undefined, d: 'link' };
  assert.deepEqual(causes(stragglers), expected);
  for (let answers = 0; answers < 3; answers += 1) {
    stragglers.late(0, late('b', { compute: 0.2 }));
    stragglers.late(0, late('d', { link: 0.2 }));
    without(stragglers, 7, ['a', 'c'], ['b', 'd']);
    assert.deepEqual(causes(stragglers), expected);
  }
  feed(stragglers, 4, { a: {}, b: {}, c: {}, d: {} });
  assert.deepEqual(causes(stragglers), { a: undefined, b: undefined, c: undefined, d: undefined }, 'and no longer when they keep up again');
});

test('of two workers the one that is away is compared with the other', () => {
  const stragglers = createStragglers();
  without(stragglers, 20, ['a'], ['b']);
  for (let answers = 0; answers < 3; answers += 1) {
    stragglers.late(0, late('b', { compute: 0.2 }));
    without(stragglers, 4, ['a'], ['b']);
  }
  assert.deepEqual(causes(stragglers), { a: undefined, b: 'compute' });
});

test('one long pause makes no straggler, however many rounds go on meanwhile', () => {
  const stragglers = createStragglers();
  feed(stragglers, 12, { a: {}, b: {}, c: {} });
  without(stragglers, 50, ['a', 'c'], ['b']);
  stragglers.late(0, late('b', { compute: 5 }));
  without(stragglers, 50, ['a', 'c'], ['b']);
  stragglers.late(0, late('b', {}));
  assert.equal(causes(stragglers)['b'], undefined);
});

test('a late answer is compared with the rounds of its own phase', () => {
  const stragglers = createStragglers();
  const round = (phase: number, computeSeconds: number): void =>
    stragglers.round(
      phase,
      ['a', 'c'].map((worker) => ({ worker, shards: 1, computeSeconds, answerSeconds: computeSeconds })),
      ['b'],
    );
  for (let step = 0; step < 12; step += 1) {
    round(0, 1);
    round(1, 0.1);
    // Usual for phase 0, and far too long for phase 1; a link that is a little late either way.
    stragglers.late(0, { worker: 'b', shards: 1, computeSeconds: 1, answerSeconds: 1.4 });
  }
  assert.equal(causes(stragglers)['b'], 'link');
});

test('of two and of three workers the slow ones are named too', () => {
  const two = createStragglers();
  feed(two, 12, { a: {}, b: { link: 0.1 } });
  assert.deepEqual(causes(two), { a: undefined, b: 'link' });
  const three = createStragglers();
  feed(three, 12, { a: {}, b: { compute: 0.1 }, c: { link: 0.1 } });
  assert.deepEqual(causes(three), { a: undefined, b: 'compute', c: 'link' });
});

test('workers that scatter by chance are not late', () => {
  const noise = createNoise();
  for (const workers of [2, 3, 4, 8, 16]) {
    const stragglers = createStragglers();
    const names = Object.fromEntries(Array.from({ length: workers }, (_, index) => [`w${index}`, {}]));
    for (let round = 0; round < 300; round += 1) {
      feed(stragglers, 1, names, noise);
      const late = Object.entries(causes(stragglers)).filter(([, cause]) => cause !== undefined);
      assert.deepEqual(late, [], `${workers} workers, round ${round}`);
    }
  }
});

test('what a worker needs for its first rounds is not held against it', () => {
  const stragglers = createStragglers();
  feed(stragglers, 20, { a: {}, b: {} });
  feed(stragglers, 3, { a: {}, b: {}, late: { compute: 3 } });
  feed(stragglers, 12, { a: {}, b: {}, late: {} });
  assert.deepEqual(causes(stragglers), { a: undefined, b: undefined, late: undefined });
});

test('two workers on a busy machine, each of them far behind now and then, are not late', () => {
  const stragglers = createStragglers();
  const noise = createNoise();
  for (let round = 0; round < 300; round += 1) {
    const behind = 0.1 * Math.max(0, noise());
    feed(stragglers, 1, noise() > 0 ? { a: { link: behind }, b: {} } : { a: {}, b: { link: behind } }, noise);
    assert.ok(Object.values(causes(stragglers)).filter((cause) => cause !== undefined).length === 0, `round ${round}`);
  }
});

test('a worker with twice as many shards is not late for that', () => {
  const stragglers = createStragglers();
  feed(stragglers, 20, { a: {}, b: {}, c: { shards: 2 } });
  assert.deepEqual(causes(stragglers), { a: undefined, b: undefined, c: undefined });
});

test('one slow answer makes no straggler, and one that has recovered is one no more', () => {
  const stragglers = createStragglers();
  feed(stragglers, 12, { a: {}, b: {}, c: {} });
  feed(stragglers, 1, { a: {}, b: { compute: 5 }, c: {} });
  assert.equal(causes(stragglers)['b'], undefined);
  feed(stragglers, 12, { a: {}, b: { compute: 0.2 }, c: {} });
  assert.equal(causes(stragglers)['b'], 'compute');
  feed(stragglers, 8, { a: {}, b: {}, c: {} });
  assert.equal(causes(stragglers)['b'], undefined);
});

test('a verdict near the threshold does not flicker', () => {
  const stragglers = createStragglers();
  const noise = createNoise();
  let changes = 0;
  let last: string | undefined;
  // A fifth of a second of work each, of which a quarter is the threshold: this worker is about there.
  for (let round = 0; round < 400; round += 1) {
    const scattered = { a: { compute: 0.15 }, b: { compute: 0.15 }, c: { compute: 0.15 + 0.05 + 0.008 * noise() } };
    feed(stragglers, 1, scattered, noise);
    const { cause } = stragglers.standings.get('c') ?? {};
    if (cause !== last) changes += 1;
    last = cause;
  }
  assert.ok(changes <= 2, `${changes} changes`);
});

test('too few rounds, a lone worker and one that was forgotten have no standing', () => {
  const stragglers = createStragglers();
  feed(stragglers, 7, { a: {}, b: {} });
  feed(stragglers, 20, { lone: {} });
  assert.deepEqual(causes(stragglers), {});
  feed(stragglers, 1, { a: {}, b: {} });
  stragglers.forget('a');
  assert.deepEqual(Object.keys(causes(stragglers)), ['b']);
});
