import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRateLimit } from './rate-limit.ts';

test('an address may ask so often in a second, whatever others do, and again in the next', () => {
  let nowMs = 0;
  const allows = createRateLimit(3, () => nowMs);
  const ask = (address: string, times: number): number => Array.from({ length: times }, () => allows(address)).filter(Boolean).length;
  assert.equal(ask('a', 10), 3);
  assert.equal(ask('b', 2), 2);
  nowMs = 999;
  assert.equal(ask('a', 1), 0);
  nowMs = 1000;
  assert.equal(ask('a', 10), 3);
});

test('a crowd of addresses is remembered up to a bound, and those beyond it share one limit', () => {
  const allows = createRateLimit(3, () => 0);
  const allowed = Array.from({ length: 5000 }, (_, index) => allows(`address ${index}`)).filter(Boolean).length;
  assert.equal(allowed, 1024 + 3);
});
