import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { cut, join } from './pieces.ts';

const size = 4;
const frames = fc.array(fc.uint8Array({ maxLength: 3 * size }), { maxLength: 5 });

describe('pieces', () => {
  test('are never longer than their size, and join to the frames they were cut from', () => {
    fc.assert(
      fc.property(frames, (whole) => {
        const pieces = cut(whole, size);
        assert.ok(pieces.every((piece) => piece.length <= size));
        assert.deepEqual(join(pieces, size), whole);
      }),
    );
  });

  test('that lack one join to nothing, or to other frames, and never to the same', () => {
    fc.assert(
      fc.property(frames, fc.nat(), (whole, at) => {
        const pieces = [...cut(whole, size)];
        fc.pre(pieces.length > 0);
        pieces.splice(at % pieces.length, 1);
        assert.notDeepEqual(join(pieces, size), whole);
      }),
    );
  });

  test('that do not end, or are longer than pieces may be, join to nothing', () => {
    assert.deepEqual(join([new Uint8Array(2), new Uint8Array(size)], size), []);
    assert.deepEqual(join([new Uint8Array(2), new Uint8Array(size + 1)], size), []);
    assert.deepEqual(join([new Uint8Array(size), new Uint8Array(size + 1)], size), []);
  });

  test('are views: nothing is copied to send it, and what fits into one piece is not copied to receive it either', () => {
    const whole = new Uint8Array(3 * size);
    assert.ok(cut([whole], size).every((piece) => piece.buffer === whole.buffer));
    const short = new Uint8Array(size - 1);
    assert.equal(join([short], size)[0], short);
  });
});
