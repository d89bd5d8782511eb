/** The text of a registry for those who scrape it: however often they ask, it is made four times a second at most. */
import type { Registry } from 'prom-client';

export const renderEveryMs = 250;
/** One address that scrapes more often is refused. Prometheus asks once in a few seconds. */
export const scrapesPerSecond = 20;

export function createMetricsText(registry: Registry, nowMs: () => number): () => Promise<string> {
  let text: Promise<string> | undefined;
  let renderedMs = 0;
  return () => {
    const now = nowMs();
    if (text === undefined || now - renderedMs >= renderEveryMs) {
      renderedMs = now;
      text = registry.metrics();
    }
    return text;
  };
}
