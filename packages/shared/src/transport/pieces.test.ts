import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { cut, framesOf, join } from './pieces.ts';

const size = 4;
const joinedAll = (pieces: readonly Uint8Array[]): Uint8Array[] => framesOf(pieces, size).map(join);
const frames = fc.array(fc.uint8Array({ maxLength: 3 * size }), { maxLength: 5 });

describe('pieces', () => {
  test('are never longer than their size, and join to the frames they were cut from', () => {
    fc.assert(
      fc.property(frames, (whole) => {
        const pieces = cut(whole, size);
        assert.ok(pieces.every((piece) => piece.length <= size));
        assert.deepEqual(joinedAll(pieces), whole);
      }),
    );
  });

  test('that lack one join to nothing, or to other frames, and never to the same', () => {
    fc.assert(
      fc.property(frames, fc.nat(), (whole, at) => {
        const pieces = [...cut(whole, size)];
        fc.pre(pieces.length > 0);
        pieces.splice(at % pieces.length, 1);
        assert.notDeepEqual(joinedAll(pieces), whole);
      }),
    );
  });

  test('that do not end, or are longer than pieces may be, join to nothing', () => {
    assert.deepEqual(joinedAll([new Uint8Array(2), new Uint8Array(size)]), []);
    assert.deepEqual(joinedAll([new Uint8Array(2), new Uint8Array(size + 1)]), []);
    assert.deepEqual(joinedAll([new Uint8Array(size), new Uint8Array(size + 1)]), []);
  });

  test('are views: nothing is copied to send it, and what fits into one piece is not copied to receive it either', () => {
    const whole = new Uint8Array(3 * size);
    assert.ok(cut([whole], size).every((piece) => piece.buffer === whole.buffer));
    const short = new Uint8Array(size - 1);
    assert.equal(joinedAll([short])[0], short);
  });
});
