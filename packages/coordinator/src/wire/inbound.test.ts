import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atOnce, type Carrier, encode, type Message, ready } from '@lockstep/shared';
import { create, fence, join, result } from '../core/testing.ts';
import type { Carriers } from './carriers.ts';
import { eventOf } from './inbound.ts';

test('an answer that does not count is dropped, not refused, although its memory holds something else by now', () => {
  const state = create({ workersWanted: 1 });
  join(state, 'a');
  const carriers = { of: () => ({ unpack: () => ready(undefined) }) as unknown as Carrier } as unknown as Carriers;
  const expected = { state, carriers, answerLength: () => 1, allocate: (length: number) => new Float32Array(length), shared: () => {} };
  const answer = (workId: number): Message => ({
    ...(result(state, 'a', [0, 1, 2, 3]) as unknown as Extract<Message, { type: 'result' }>),
    ...fence(state, 'a'),
    workId,
    payload: { carrier: 'shm', slots: [] },
  });
  const { id } = state.workers.get('a')!.work!;
  const late = atOnce(eventOf('a', encode(answer(id + 1)), expected));
  assert.deepEqual([late.type, 'payload' in late && late.payload], ['result', []]);
  assert.equal(atOnce(eventOf('a', encode(answer(id)), expected)).type, 'malformed');
});
