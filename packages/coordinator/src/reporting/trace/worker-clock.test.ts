import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createWorkerClock, type Exchange } from './worker-clock.ts';

/** A worker whose clock is ahead by `offsetMs`: messages take so long there and back, computing so long between. */
function exchangeAt(sentMs: number, offsetMs: number, thereMs: number, computeMs: number, backMs: number): Exchange {
  const workReceivedMs = sentMs + thereMs + offsetMs;
  const resultSentMs = workReceivedMs + computeMs;
  return { workSentMs: sentMs, workReceivedMs, resultSentMs, resultReceivedMs: resultSentMs - offsetMs + backMs };
}

test('equal ways give the exact offset, and later, uneven ones do not spoil it', () => {
  const clock = createWorkerClock();
  assert.equal(clock.offsetMs(exchangeAt(1000, -250_000, 1, 20, 1)), -250_000);
  const spoilt = clock.offsetMs(exchangeAt(1100, -250_000, 90, 20, 1));
  assert.ok(Math.abs(spoilt + 250_000) < 0.1, `${spoilt}`);
});

test('no aligned time lies before its cause, whatever the ways and the drift', () => {
  const way = fc.double({ min: 0.01, max: 50, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(way, way, way), { minLength: 1, maxLength: 50 }),
      fc.integer({ min: -1_000_000, max: 1_000_000 }),
      (ways, start) => {
        const clock = createWorkerClock();
        let sentMs = 0;
        for (const [there, compute, back] of ways) {
          const exchange = exchangeAt(sentMs, start + sentMs * 4e-5, there, compute, back);
          const offsetMs = clock.offsetMs(exchange);
          assert.ok(exchange.workReceivedMs - offsetMs >= exchange.workSentMs - 1e-6);
          assert.ok(exchange.resultSentMs - offsetMs <= exchange.resultReceivedMs + 1e-6);
          sentMs = exchange.resultReceivedMs + 1;
        }
      },
    ),
  );
});

test('a clock that jumps is measured anew', () => {
  const clock = createWorkerClock();
  clock.offsetMs(exchangeAt(0, 0, 1, 1, 1));
  assert.equal(clock.offsetMs(exchangeAt(100, 60_000, 2, 1, 2)), 60_000);
});
