/**
 * Curves of bounded size, whatever the length of a run: where there are too many points, two neighbours become one, their mean.
 *
 * Pure. Not responsible for: where figures come from, or drawing them.
 */
import type { Curves } from './messages.ts';

/** Of a point that stands for several steps: their sums, and how many had a figure. */
interface Point {
  /** Which `stride` steps it stands for. */
  index: number;
  lastStep: number;
  readonly sums: Map<string, { sum: number; count: number }>;
}

export interface CurveStore {
  /** Steps come in ascending order; those that do not are passed over. Figures that are no finite numbers are left out. */
  add(step: number, figures: Readonly<Record<string, unknown>>): void;
  all(): Curves;
  /** What `all` has since this was asked last; undefined if that is nothing. */
  news(): Curves | undefined;
}

/** More than a screen has columns for. */
const maximumPoints = 1024;
/** Names come from a recipe. */
const maximumSeries = 64;

export function createCurveStore(limit = maximumPoints): CurveStore {
  const names = new Set<string>();
  let points: Point[] = [];
  let stride = 1;
  let firstNew = 0;

  function halve(): void {
    stride *= 2;
    const merged: Point[] = [];
    for (const point of points) {
      point.index = Math.floor((point.lastStep - 1) / stride);
      const before = merged.at(-1);
      if (before?.index === point.index) merge(before, point);
      else merged.push(point);
    }
    points = merged;
    firstNew = 0;
  }

  function curves(from: number): Curves {
    const shown = points.slice(from);
    const valuesOf = (name: string) => shown.map(({ sums }) => mean(sums.get(name)));
    return {
      from,
      steps: shown.map(({ lastStep }) => lastStep),
      series: Object.fromEntries([...names].map((name) => [name, valuesOf(name)])),
    };
  }

  return {
    add(step, figures) {
      const last = points.at(-1);
      if (last !== undefined && step <= last.lastStep) return;
      const index = Math.floor((step - 1) / stride);
      const point: Point = { index, lastStep: step, sums: new Map() };
      for (const [name, value] of Object.entries(figures)) {
        if (!names.has(name) && names.size < maximumSeries) names.add(name);
        if (names.has(name) && typeof value === 'number' && Number.isFinite(value)) point.sums.set(name, { sum: value, count: 1 });
      }
      if (last?.index === index) merge(last, point);
      else points.push(point);
      firstNew = Math.min(firstNew, points.length - 1);
      if (points.length > limit) halve();
    },
    all: () => curves(0),
    news() {
      if (firstNew >= points.length) return undefined;
      const news = curves(firstNew);
      firstNew = points.length;
      return news;
    },
  };
}

function merge(into: Point, from: Point): void {
  into.lastStep = from.lastStep;
  for (const [name, { sum, count }] of from.sums) {
    const before = into.sums.get(name);
    into.sums.set(name, before === undefined ? { sum, count } : { sum: before.sum + sum, count: before.count + count });
  }
}

/** Six digits are more than a chart shows. */
function mean(value: { readonly sum: number; readonly count: number } | undefined): number | null {
  return value === undefined ? null : Number((value.sum / value.count).toPrecision(6));
}
