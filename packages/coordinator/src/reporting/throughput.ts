/**
 * How fast a run is: now and on the whole, and how much longer it will take.
 *
 * Responsible for: rates over a sliding window, the remaining time, and the `imagesPerSecond` of summary.json. Pure: states are values,
 * time is passed in (milliseconds of any monotonic clock). Not responsible for: showing them (`progress-line.ts`).
 */

/** What had been committed at a moment: steps and images of the whole run. */
export interface Point {
  readonly step: number;
  readonly images: number;
  readonly nowMs: number;
}

export interface Throughput {
  /** The first WORK of this process. */
  readonly start: Point;
  /** The commit that ended the burn-in, once it has happened. */
  readonly afterBurnIn: Point | undefined;
  /** The newest commits, oldest first; begins with the last one before the window. Bounded. */
  readonly recent: readonly Point[];
}

export interface Rates {
  readonly imagesPerSecond: number;
  readonly stepsPerSecond: number;
}

/** Long enough for a steady figure, short enough to show the loss of a worker. */
const windowMs = 30_000;
/** Commits closer together than this count as one point, which bounds the number of points at any speed. */
const resolutionMs = windowMs / 60;
/** Steps that the summary leaves out: compilation, first allocations, connections. */
export const burnInSteps = 10;

/** At the first WORK. `point` holds what earlier lives of the run had committed. */
export function startThroughput(point: Point): Throughput {
  return { start: point, afterBurnIn: undefined, recent: [point] };
}

/** After the commit of a step. */
export function advanceThroughput(state: Throughput, point: Point): Throughput {
  const { start, recent } = state;
  const isBurnInOver = point.step - start.step >= burnInSteps;
  return {
    start,
    afterBurnIn: state.afterBurnIn ?? (isBurnInOver ? point : undefined),
    recent: addPoint(recent, point),
  };
}

/** Over the last half minute, or the last two commits where steps are slower. `undefined` before the first commit. */
export function currentRates({ recent }: Throughput, nowMs: number): Rates | undefined {
  const last = recent.at(-1);
  const first = recent[0];
  if (last === undefined || first === undefined || last.step === first.step) return undefined;
  const betweenMs = last.nowMs - first.nowMs;
  // A step under way counts only once it takes longer than steps did so far: then the rate falls smoothly towards 0.
  const overdueMs = Math.max(0, nowMs - last.nowMs - betweenMs / (last.step - first.step));
  const seconds = (betweenMs + overdueMs) / 1000;
  if (seconds <= 0) return undefined;
  return { imagesPerSecond: (last.images - first.images) / seconds, stepsPerSecond: (last.step - first.step) / seconds };
}

/** Seconds until `steps` are committed at the current rate; `undefined` while that is unknown. */
export function remainingSeconds(state: Throughput, steps: number, nowMs: number): number | undefined {
  const rates = currentRates(state, nowMs);
  const step = state.recent.at(-1)?.step;
  if (rates === undefined || step === undefined) return undefined;
  return Math.max(0, steps - step) / rates.stepsPerSecond;
}

/**
 * Images per second of this process, from the end of its first ten steps to its last commit; of all its steps when there are no more than
 * ten. 0 when it committed none.
 */
export function summaryImagesPerSecond({ start, afterBurnIn, recent }: Throughput): number {
  const last = recent.at(-1) ?? start;
  const from = afterBurnIn === undefined || afterBurnIn.step === last.step ? start : afterBurnIn;
  const seconds = (last.nowMs - from.nowMs) / 1000;
  return seconds > 0 ? (last.images - from.images) / seconds : 0;
}

function addPoint(recent: readonly Point[], point: Point): readonly Point[] {
  const before = recent.at(-2);
  const newest = recent.at(-1);
  const isCrowded = before !== undefined && newest !== undefined && newest.nowMs - before.nowMs < resolutionMs;
  const points = [...(isCrowded ? recent.slice(0, -1) : recent), point];
  const firstInside = points.findIndex(({ nowMs }) => nowMs > point.nowMs - windowMs);
  return points.slice(Math.max(0, firstInside - 1));
}
