/** What a program's table says of each of its metrics (`metrics/table.ts` of the coordinator and of the worker). */

/**
 * Known values, or those of the run's recipe. `open`: they come from outside, and whoever sets them bounds them. A counter or a histogram
 * whose labels are all known is exported as 0 before its first event; a gauge is absent until there is something to tell.
 */
export type LabelValues = readonly string[] | 'networks' | 'phases' | 'open';

export interface MetricDeclaration {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly help: string;
  /** Every label and its values. */
  readonly labels: Readonly<Record<string, LabelValues>>;
  /** Histograms only: upper bounds, ascending. */
  readonly buckets?: readonly number[];
}

export type MetricTable = Readonly<Record<string, MetricDeclaration>>;
