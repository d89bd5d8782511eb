/**
 * Builds prom-client's instruments from the table, on a registry of one's own (never the global one).
 *
 * Responsible for: construction and its types, and known series. Not responsible for: values (`metrics.ts`).
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type LabelValues, type MetricDeclaration, type MetricKey, type MetricTable, metricTable } from './table.ts';

type Labels<K extends MetricKey> = keyof MetricTable[K]['labels'] & string;

export type Instruments = {
  readonly [K in MetricKey]: MetricTable[K]['type'] extends 'counter'
    ? Counter<Labels<K>>
    : MetricTable[K]['type'] extends 'gauge'
      ? Gauge<Labels<K>>
      : Histogram<Labels<K>>;
};

/** What the values of a label may be named for in the table. */
export interface RecipeNames {
  readonly networks: readonly string[];
  readonly phases: readonly string[];
}

/** Every metric, its known series at 0. */
export function createInstruments(registry: Registry, recipe: RecipeNames): Instruments {
  const built = Object.entries(metricTable).map(([key, declaration]) => {
    const instrument = createInstrument(declaration, registry);
    for (const labels of knownSeries(declaration, recipe)) exportZero(instrument, labels);
    return [key, instrument];
  });
  // Object.fromEntries forgets which key has which type; the table's own types say it.
  return Object.fromEntries(built) as Instruments;
}

function createInstrument(declaration: MetricDeclaration, registry: Registry): Counter | Gauge | Histogram {
  const { type, name, help, labels, buckets } = declaration;
  const common = { name, help, labelNames: Object.keys(labels), registers: [registry] };
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

/** Every combination of known label values; none where a label is open. */
function knownSeries({ labels }: MetricDeclaration, recipe: RecipeNames): Record<string, string>[] {
  const valuesOf = (values: LabelValues): readonly string[] => {
    if (values === 'open') return [];
    return typeof values === 'string' ? recipe[values] : values;
  };
  return Object.entries(labels).reduce<Record<string, string>[]>(
    (series, [label, values]) => series.flatMap((each) => valuesOf(values).map((value) => ({ ...each, [label]: value }))),
    [{}],
  );
}

function exportZero(instrument: Counter | Gauge | Histogram, labels: Record<string, string>): void {
  if (instrument instanceof Counter) instrument.inc(labels, 0);
  else if (instrument instanceof Gauge) instrument.set(labels, 0);
  else instrument.zero(labels);
}
