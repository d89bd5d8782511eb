import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCores, shareOut } from './cpu-affinity.ts';

describe('cores of spawned workers', () => {
  test('the same number of workers on each core, or no binding at all', () => {
    assert.deepEqual(shareOut(2, [0, 1]), [0, 1]);
    assert.deepEqual(shareOut(4, [2, 5]), [2, 5, 2, 5]);
    for (const workers of [1, 3, 5]) assert.deepEqual(shareOut(workers, [0, 1]), []);
    assert.deepEqual(shareOut(2, []), []);
  });

  test("reads Linux's lists of cores", () => {
    assert.deepEqual(parseCores('0'), [0]);
    assert.deepEqual(parseCores('0-3,8,10-11'), [0, 1, 2, 3, 8, 10, 11]);
  });
});
