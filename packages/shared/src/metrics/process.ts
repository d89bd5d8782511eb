/**
 * The metrics of a process (CPU, memory, event loop, garbage collection), as prom-client makes them.
 *
 * They begin with the first scrape: a timer of 10 ms and an observer of the garbage collector run from then on, and not at all where
 * nobody asks. The delays of the event loop have something to tell from the second scrape on.
 *
 * Three of them are left out: gauges whose names end in `_total`, which `promtool check metrics` rejects. Their values are the sums of
 * `nodejs_active_handles`, `nodejs_active_requests` and `nodejs_active_resources`, which stay.
 */
import { collectDefaultMetrics, type Metric, type Registry } from 'prom-client';
import { onScrape } from './on-scrape.ts';

const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'] as const;

export function addProcessMetrics(registry: Registry): void {
  let isBegun = false;
  let delays: readonly Metric[] = [];
  onScrape(registry, () => {
    for (const delay of delays) registry.registerMetric(delay);
    delays = [];
    if (isBegun) return;
    isBegun = true;
    delays = begin(registry);
  });
}

/** Without the delays of the event loop, which it returns: of no samples, the lowest is infinite and the mean is not a number. */
function begin(registry: Registry): Metric[] {
  collectDefaultMetrics({ register: registry });
  for (const name of misnamed) registry.removeSingleMetric(name);
  const names = registry.getMetricsAsArray().flatMap(({ name }) => (name.startsWith('nodejs_eventloop_lag_') ? [name] : []));
  const delays = names.map((name) => registry.getSingleMetric(name)!);
  for (const name of names) registry.removeSingleMetric(name);
  return delays;
}
