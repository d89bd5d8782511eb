/**
 * The metrics of a process (CPU, memory, event loop, garbage collection), as prom-client makes them.
 *
 * Three of them are left out: gauges whose names end in `_total`, which `promtool check metrics` rejects. Their values are the sums of
 * `nodejs_active_handles`, `nodejs_active_requests` and `nodejs_active_resources`, which stay.
 */
import { collectDefaultMetrics, type Registry } from 'prom-client';

const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'] as const;

export function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const name of misnamed) registry.removeSingleMetric(name);
}
