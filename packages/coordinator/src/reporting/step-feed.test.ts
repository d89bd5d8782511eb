import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStepFeed, maximumWaiting } from './step-feed.ts';

test('a reader gets every step in order, including those pushed while it waits, and then the end', async () => {
  const { promise, resolve } = withResolvers();
  const feed = createStepFeed<number>(promise);
  feed.push(1);
  const seen: number[] = [];
  for await (const step of feed) {
    seen.push(step);
    if (step === 1) setImmediate(() => feed.push(2));
    if (step === 2) {
      feed.push(3);
      resolve();
    }
  }
  assert.deepEqual(seen, [1, 2, 3]);
});

test('a failure is thrown after the steps before it', async () => {
  const { promise, reject } = withResolvers();
  const feed = createStepFeed<number>(promise);
  feed.push(1);
  reject(new Error('no luck'));
  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const step of feed) seen.push(step);
  }, /no luck/);
  assert.deepEqual(seen, [1]);
});

test('if nobody reads, only the newest steps are kept', async () => {
  const { promise, resolve } = withResolvers();
  const feed = createStepFeed<number>(promise);
  for (let step = 1; step <= 3 * maximumWaiting; step += 1) feed.push(step);
  resolve();
  const seen: number[] = [];
  for await (const step of feed) seen.push(step);
  assert.equal(seen.length, maximumWaiting);
  assert.equal(seen[0], 2 * maximumWaiting + 1);
  assert.equal(seen.at(-1), 3 * maximumWaiting);
});

/** Promise.withResolvers is newer than Node 20. */
function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (reason: Error) => void } {
  let [resolve, reject] = [(): void => {}, (_reason: Error): void => {}];
  const promise = new Promise<void>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve: () => resolve(), reject: (reason) => reject(reason) };
}
