/**
 * Builds prom-client's instruments from the table, on a registry of one's own (never the global one).
 *
 * Responsible for: construction and its types. Not responsible for: values, known series (`../metrics.ts`).
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type MetricDeclaration, type MetricKey, type MetricTable, metricTable } from './table.ts';

type Labels<K extends MetricKey> = MetricTable[K]['labels'][number];

export type Instruments = {
  readonly [K in MetricKey]: MetricTable[K]['type'] extends 'counter'
    ? Counter<Labels<K>>
    : MetricTable[K]['type'] extends 'gauge'
      ? Gauge<Labels<K>>
      : Histogram<Labels<K>>;
};

export function createInstruments(registry: Registry): Instruments {
  const built = Object.entries(metricTable).map(([key, declaration]) => [key, createInstrument(declaration, registry)]);
  // Object.fromEntries forgets which key has which type; the table's own types say it.
  return Object.fromEntries(built) as Instruments;
}

function createInstrument(declaration: MetricDeclaration, registry: Registry): Counter | Gauge | Histogram {
  const { type, name, help, labels, buckets } = declaration;
  const common = { name, help, labelNames: [...labels], registers: [registry] };
  switch (type) {
    case 'counter':
      return new Counter(common);
    case 'gauge':
      return new Gauge(common);
    case 'histogram':
      if (buckets === undefined) throw new Error(`the histogram ${name} declares no buckets`);
      return new Histogram({ ...common, buckets: [...buckets] });
  }
}
