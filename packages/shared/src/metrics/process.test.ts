import assert from 'node:assert/strict';
import perfHooks from 'node:perf_hooks';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { addProcessMetrics } from './process.ts';

test('nothing is measured before the first scrape, and delays of the event loop are told once there are some', async (t) => {
  const monitor = t.mock.method(perfHooks, 'monitorEventLoopDelay');
  const observe = t.mock.method(perfHooks.PerformanceObserver.prototype, 'observe');
  const begun = (): number[] => [monitor.mock.callCount(), observe.mock.callCount()];
  const registry = new Registry();
  addProcessMetrics(registry);
  assert.deepEqual(begun(), [0, 0]);

  const first = await registry.metrics();
  assert.deepEqual(begun(), [1, 1]);
  assert.match(first, /^process_cpu_seconds_total \d/m);
  assert.doesNotMatch(first, /eventloop_lag_/);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.match(await registry.metrics(), /^nodejs_eventloop_lag_p99_seconds 0\.\d+$/m);
  assert.deepEqual(begun(), [1, 1]);
});
