/** What is done when somebody asks for metrics, so that it costs nothing while nobody does. */
import type { Registry } from 'prom-client';

/** `act` happens before every scrape, and before what was added earlier. */
export function onScrape(registry: Registry, act: () => void): void {
  const render = registry.metrics.bind(registry);
  registry.metrics = () => {
    act();
    return render();
  };
}
