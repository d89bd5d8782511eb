import assert from 'node:assert/strict';
import perfHooks from 'node:perf_hooks';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { addProcessMetrics } from './process.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('nothing is measured before the first scrape', async (t) => {
  const observe = t.mock.method(perfHooks.PerformanceObserver.prototype, 'observe');
  const registry = new Registry();
  addProcessMetrics(registry);
  assert.deepEqual(registry.getMetricsAsArray(), []);
  assert.equal(observe.mock.callCount(), 0);
  assert.match(await registry.metrics(), /^process_cpu_seconds_total \d/m);
  await registry.metrics();
  assert.equal(observe.mock.callCount(), 1);
});

test('the delay of the event loop is told once there is one, and is what it was late', { timeout: 30_000 }, async () => {
  const registry = new Registry();
  addProcessMetrics(registry);
  const delay = async (): Promise<number | undefined> => {
    const [, value] = /^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(await registry.metrics()) ?? [];
    return value === undefined ? undefined : Number(value);
  };
  assert.equal(await delay(), undefined, 'nothing was looked at yet');
  await pause(250);
  const end = performance.now() + 1000;
  while (performance.now() < end);
  await pause(150);
  const seconds = await delay();
  assert.ok(seconds !== undefined && seconds > 0.7, `${seconds} s`);
  assert.equal(await delay(), undefined, 'and each scrape begins anew');
});
