import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LockstepError } from '@lockstep/shared';
import { persistently } from './persistently.ts';

/** Time that passes at once. */
const clock = { nowMs: () => 0, after: (_: number, callback: () => void) => (queueMicrotask(callback), { cancel: () => {} }) };

test('what a full disk refuses is tried again, and said each time', async () => {
  const said: string[] = [];
  let tries = 0;
  const work = async (): Promise<string> => {
    tries += 1;
    if (tries < 3) throw new LockstepError('disk', 'The disk is full.');
    return 'written';
  };
  assert.equal(await persistently(work, (sentence) => said.push(sentence), clock), 'written');
  assert.deepEqual(said, ['The disk is full. Trying again in 1 s.', 'The disk is full. Trying again in 2 s.']);
});

test('a disk that stays full is told in the end; what is no matter of the disk at once', async () => {
  for (const [code, tries] of [
    ['disk', 5],
    ['diverged', 1],
  ] as const) {
    let count = 0;
    const work = async (): Promise<never> => {
      count += 1;
      throw new LockstepError(code, 'No.');
    };
    await assert.rejects(
      persistently(work, () => {}, clock),
      { code },
    );
    assert.equal(count, tries);
  }
});
