/**
 * The metrics of a process (CPU, memory, event loop, garbage collection), as prom-client makes them, but for two things.
 *
 * They begin with the first scrape: what measures runs from then on, and not at all where nobody asks. And of the delay of the event loop
 * there is the 99th percentile alone, by a timer of this file's own: prom-client's wakes the process a hundred times a second.
 *
 * Three of them are left out: gauges whose names end in `_total`, which `promtool check metrics` rejects. Their values are the sums of
 * `nodejs_active_handles`, `nodejs_active_requests` and `nodejs_active_resources`, which stay.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';
import { onScrape } from './on-scrape.ts';

const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'] as const;
/** What is shorter than this is seen only by chance; what is longer holds training up. */
const delayEveryMs = 100;
/** The longest that a timer takes: prom-client's never fires. */
const neverMs = 2 ** 31 - 1;

export function addProcessMetrics(registry: Registry): void {
  let isBegun = false;
  onScrape(registry, () => {
    if (!isBegun) begin(registry);
    isBegun = true;
  });
}

function begin(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: neverMs });
  for (const name of misnamed) registry.removeSingleMetric(name);
  for (const { name } of registry.getMetricsAsArray()) if (name.startsWith('nodejs_eventloop_lag_')) registry.removeSingleMetric(name);
  const delay = monitorEventLoopDelay({ resolution: delayEveryMs });
  delay.enable();
  const gauge = new Gauge({
    name: 'nodejs_eventloop_lag_p99_seconds',
    help: 'By how much the event loop was late since the scrape before, at the 99th percentile. Absent until it was looked at.',
    registers: [registry],
    collect() {
      this.remove();
      if (delay.count > 0) this.set(Math.max(0, delay.percentile(99) / 1e9 - delayEveryMs / 1000));
      delay.reset();
    },
  });
  gauge.remove();
}
