/**
 * A histogram whose series are plain numbers until somebody scrapes. prom-client's own looks a series up by the text of its labels for every
 * value, and a round has some twenty of them.
 *
 * Not responsible for: checking labels (types do), or values (whoever measures).
 */
import type { Histogram, Registry } from 'prom-client';

export interface HistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
  readonly labelNames: readonly string[];
  readonly registry: Registry;
}

/** Of one combination of labels: keep it, rather than ask for it again. */
export interface Series {
  observe(value: number): void;
}

interface Counts {
  readonly labels: Readonly<Record<string, string>>;
  /** By bucket, those beyond the last one at the end. */
  readonly counts: number[];
  sum: number;
}

export class SeriesHistogram<L extends string> {
  readonly type = 'histogram';
  readonly name: string;
  readonly help: string;
  readonly #buckets: readonly number[];
  readonly #labelNames: readonly string[];
  readonly #series = new Map<string, Counts & Series>();

  constructor({ name, help, buckets, labelNames, registry }: HistogramOptions) {
    this.name = name;
    this.help = help;
    this.#buckets = buckets;
    this.#labelNames = labelNames;
    // A registry asks its metrics for no more than what this one has.
    registry.registerMetric(this as unknown as Histogram);
  }

  /** Exported from now on, as 0 if it is new. */
  series(labels: Readonly<Record<L, string>>): Series {
    const key = this.#keyOf(labels);
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const created = createSeries(labels, this.#buckets);
    this.#series.set(key, created);
    return created;
  }

  remove(labels: Readonly<Record<L, string>>): void {
    this.#series.delete(this.#keyOf(labels));
  }

  /** For the registry. */
  get() {
    const { name, help, type } = this;
    return Promise.resolve({
      name,
      help,
      type,
      aggregator: 'sum',
      values: [...this.#series.values()].flatMap((each) => this.#samples(each)),
    });
  }

  #keyOf(labels: Readonly<Record<string, string>>): string {
    return this.#labelNames.map((name) => labels[name]).join('\0');
  }

  #samples({ labels, counts, sum }: Counts) {
    let total = 0;
    // Labels that samples share are put into text once.
    const buckets = counts.map((count, index) => {
      total += count;
      return { metricName: `${this.name}_bucket`, labels: { le: this.#buckets[index] ?? '+Inf' }, sharedLabels: labels, value: total };
    });
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, sharedLabels: labels, value: sum },
      { metricName: `${this.name}_count`, sharedLabels: labels, value: total },
    ];
  }
}

function createSeries(labels: Readonly<Record<string, string>>, buckets: readonly number[]): Counts & Series {
  const counts = Array.from({ length: buckets.length + 1 }, () => 0);
  return {
    labels,
    counts,
    sum: 0,
    observe(value) {
      let bucket = 0;
      while (bucket < buckets.length && value > buckets[bucket]!) bucket += 1;
      counts[bucket]! += 1;
      this.sum += value;
    },
  };
}
