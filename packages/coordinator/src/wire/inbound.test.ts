import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atOnce, type Carrier, cut, encode, inlineCarrier, type Message, partLength, ready } from '@lockstep/shared';
import { create, fence, join, result } from '../core/testing.ts';
import type { Event } from '../core/events.ts';
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

test('a long answer is read in parts, into the memory that is provided', () => {
  const state = create({ workersWanted: 1 });
  join(state, 'a');
  const flat = new Float32Array(partLength + 1).fill(1.5);
  const { payload, frames } = atOnce(inlineCarrier.pack([{ key: '', version: 0, live: flat, snapshot: () => ready(flat) }]));
  const carriers = { of: () => inlineCarrier } as unknown as Carriers;
  const memory = new Float32Array(flat.length);
  const expected = { state, carriers, answerLength: () => flat.length, allocate: () => memory, shared: () => {} };
  const answer = { ...(result(state, 'a', [0, 1, 2, 3]) as unknown as Message), ...fence(state, 'a'), payload } as Message;
  const reading = eventOf('a', cut(encode(answer, frames)), expected);
  // One in its checksum, one in the copy.
  assert.deepEqual([reading.next().done, reading.next().done], [false, false]);
  const event = reading.next().value as Extract<Event, { type: 'result' }>;
  assert.equal((event.payload as Float32Array[])[0], memory);
  assert.deepEqual(memory, flat);
});
