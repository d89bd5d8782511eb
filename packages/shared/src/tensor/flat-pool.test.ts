import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createFlatPool } from './flat-pool.ts';

describe('flat pool', () => {
  test('hands a returned flat out again, and only to those who ask for its length', () => {
    const pool = createFlatPool(2);
    const flat = pool.take(3);
    pool.give(flat);
    assert.notEqual(pool.take(4), flat);
    assert.equal(pool.take(3), flat);
    assert.notEqual(pool.take(3), flat);
  });

  test('ignores flats that are not its own, or that came back already', () => {
    const pool = createFlatPool(4);
    const foreign = new Float32Array(3);
    const own = pool.take(3);
    for (const flat of [foreign, own, own]) pool.give(flat);
    const taken = [1, 2].map(() => pool.take(3));
    assert.equal(taken[0], own);
    assert.ok(taken[1] !== own && taken[1] !== foreign);
  });

  test('keeps no more than it may', () => {
    const pool = createFlatPool(2);
    const flats = [1, 2, 3].map(() => pool.take(5));
    flats.forEach(pool.give);
    const taken = [1, 2, 3].map(() => pool.take(5));
    assert.equal(taken.filter((flat) => flats.includes(flat)).length, 2);
  });
});
