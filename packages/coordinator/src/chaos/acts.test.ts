import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { drawActs } from './acts.ts';

const rates = { seed: 1, durationMs: 600_000, everyMs: { kill: 20_000, stop: 20_000, delay: 5000 } };

test('a seed draws the same acts, in order, about as often as asked; every stop ends before the end', () => {
  const acts = drawActs(rates);
  assert.deepEqual(drawActs(rates), acts);
  assert.notDeepEqual(drawActs({ ...rates, seed: 2 }), acts);
  const count = (act: string): number => acts.filter((each) => each.act === act).length;
  for (const [act, expected] of [
    ['kill', 30],
    ['stop', 30],
    ['delay', 120],
  ] as const)
    assert.ok(Math.abs(count(act) - expected) < expected / 4, `${count(act)} of ${act}`);
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1000, max: 100_000 }), (seed, durationMs) => {
      const drawn = drawActs({ ...rates, seed, durationMs });
      for (const [index, { atMs, forMs }] of drawn.entries()) {
        assert.ok(atMs >= (drawn[index - 1]?.atMs ?? 0) && forMs >= 0 && atMs + forMs <= durationMs);
      }
    }),
  );
});

test('an interval of 0 is none of them', () => {
  const acts = drawActs({ ...rates, everyMs: { kill: 0, stop: 20_000, delay: 0 } });
  assert.deepEqual([...new Set(acts.map(({ act }) => act))], ['stop']);
});
