/**
 * How long answers take, learned from those that came: when one is late, and how much slower than usual a worker is.
 *
 * Times are per shard, and kept apart by kind of work (each phase, and pictures), since those differ. All windows are bounded.
 */
import { median } from './quantile.ts';

/** Recent times per shard in ms, by kind. */
export type Pace = Map<number, number[]>;

/** Of one worker. */
export interface WorkerPace {
  /** How many times longer than usual it takes, as work is assigned by it. */
  slowness: number;
  /** As measured, answer by answer. */
  readonly recent: number[];
}

const timesKept = 64;
/** Before so many answers nobody can say what is usual. */
const timesNeeded = 4;
/** Few, so that a worker is known as slow before it is quarantined for it. */
const slownessKept = 5;
const slownessNeeded = 3;
/** A worker must be off by this factor before it is given another share: noise is no reason to change what it has drawn ahead. */
const tolerance = 1.5;
/** Below this, waiting costs less than a second computation. */
const floorMs = 50;
/** An answer is late after twice the usual time at the earliest, and not before it is out of the ordinary. */
const leastFactor = 2;
const deviations = 6;

/** After how long the answer to a WORK of so many shards is late. Undefined while that is not known. */
export function lateAfterMs(pace: Pace, kind: number, shards: number): number | undefined {
  const times = pace.get(kind) ?? [];
  if (times.length < timesNeeded) return undefined;
  const usual = median(times);
  const deviation = median(times.map((time) => Math.abs(time - usual)));
  return Math.max(floorMs, shards * Math.max(leastFactor * usual, usual + deviations * deviation));
}

/** An answer that came. What is usual is learned from those that counted, not from those that came too late. */
export function learn(
  pace: Pace,
  worker: WorkerPace,
  { kind, msPerShard, counts }: { readonly kind: number; readonly msPerShard: number; readonly counts: boolean },
): void {
  const times = pace.get(kind) ?? [];
  pace.set(kind, times);
  if (counts) keep(times, msPerShard, timesKept);
  const usual = median(times);
  if (times.length < timesNeeded || usual === 0) return;
  keep(worker.recent, msPerShard / usual, slownessKept);
  if (worker.recent.length < slownessNeeded) return;
  const measured = median(worker.recent);
  if (measured > worker.slowness * tolerance || measured * tolerance < worker.slowness) worker.slowness = measured;
}

function keep(values: number[], value: number, bound: number): void {
  values.push(value);
  if (values.length > bound) values.shift();
}
