/**
 * Builds prom-client's instruments, and our histograms, from a table, on a registry of one's own (never the global one).
 *
 * Responsible for: construction and its types, and known series. Not responsible for: values, or what is in the table.
 */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { LabelValues, MetricDeclaration, MetricTable } from './declaration.ts';
import { SeriesHistogram } from './histogram.ts';

type Labels<D extends MetricDeclaration> = keyof D['labels'] & string;

export type Instruments<T extends MetricTable> = {
  readonly [K in keyof T]: T[K]['type'] extends 'counter'
    ? Counter<Labels<T[K]>>
    : T[K]['type'] extends 'gauge'
      ? Gauge<Labels<T[K]>>
      : SeriesHistogram<Labels<T[K]>>;
};

/** What the values of a label may be named for in the table. */
export interface RecipeNames {
  readonly networks: readonly string[];
  readonly phases: readonly string[];
}

/** Every metric; known series of counters and histograms at 0. */
export function createInstruments<T extends MetricTable>(table: T, registry: Registry, recipe: RecipeNames): Instruments<T> {
  const built = Object.entries(table).map(([key, declaration]) => {
    const instrument = createInstrument(declaration, registry);
    for (const labels of knownSeries(declaration, recipe)) exportZero(instrument, labels);
    return [key, instrument];
  });
  // Object.fromEntries forgets which key has which type; the table's own types say it.
  return Object.fromEntries(built) as Instruments<T>;
}

function createInstrument(declaration: MetricDeclaration, registry: Registry): Counter | Gauge | SeriesHistogram<string> {
  const { type, name, help, labels, buckets } = declaration;
  const common = { name, help, labelNames: Object.keys(labels), registers: [registry] };
  switch (type) {
    case 'counter':
      return new Counter(common);
    case 'gauge': {
      const gauge = new Gauge(common);
      // prom-client begins a gauge without labels at 0; nobody has said so, and alerts would believe it.
      if (common.labelNames.length === 0) gauge.remove();
      return gauge;
    }
    case 'histogram':
      if (buckets === undefined) throw new Error(`the histogram ${name} declares no buckets`);
      return new SeriesHistogram({ name, help, buckets, labelNames: common.labelNames, registry });
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

function exportZero(instrument: Counter | Gauge | SeriesHistogram<string>, labels: Record<string, string>): void {
  if (instrument instanceof Counter) instrument.inc(labels, 0);
  else if (instrument instanceof SeriesHistogram) instrument.series(labels);
}
