import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createFlatPool } from './flat-pool.ts';

describe('flat pool', () => {
  test('reuses the memory of the flat that was given back last, for shorter ones too', () => {
    const pool = createFlatPool(2);
    const flats = [pool.take(8), pool.take(8)];
    flats.forEach(pool.give);
    const shorter = pool.take(5);
    assert.equal(shorter.length, 5);
    assert.equal(shorter.buffer, flats[1]!.buffer);
    pool.give(shorter);
    assert.equal(pool.take(8).buffer, flats[1]!.buffer);
    assert.equal(pool.take(8).buffer, flats[0]!.buffer);
  });

  test('never gives a flat memory that is too small for it, and forgets such memory', () => {
    const pool = createFlatPool(2);
    const small = pool.take(3);
    pool.give(small);
    const large = pool.take(4);
    assert.equal(large.length, 4);
    assert.notEqual(large.buffer, small.buffer);
    assert.notEqual(pool.take(3).buffer, small.buffer);
  });

  test('keeps the memory of a short first flat where longer ones were announced', () => {
    const pool = createFlatPool(1, undefined, 9);
    const first = pool.take(3);
    pool.give(first);
    const longest = pool.take(9);
    assert.equal(longest.length, 9);
    assert.equal(longest.buffer, first.buffer);
  });

  test('ignores flats that are not its own, or that were given back already', () => {
    const pool = createFlatPool(4);
    const foreign = new Float32Array(3);
    const own = pool.take(3);
    for (const flat of [foreign, own, own]) pool.give(flat);
    const taken = [1, 2].map(() => pool.take(3).buffer);
    assert.equal(taken[0], own.buffer);
    assert.ok(taken[1] !== own.buffer && taken[1] !== foreign.buffer);
  });

  test('keeps no more memory than its maximum', () => {
    const pool = createFlatPool(2);
    const flats = [1, 2, 3].map(() => pool.take(5));
    flats.forEach(pool.give);
    const taken = [1, 2, 3].map(() => pool.take(5).buffer);
    assert.equal(taken.filter((buffer) => flats.some((flat) => flat.buffer === buffer)).length, 2);
  });
});
