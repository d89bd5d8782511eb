/** The throughput of this process while it runs: `throughput.ts` with a clock. */
import type { ProgressView } from './progress-line.ts';
import {
  advanceThroughput,
  currentRates,
  remainingSeconds,
  startThroughput,
  summaryImagesPerSecond,
  type Throughput,
} from './throughput.ts';

export interface ThroughputMeter {
  /** A round of the step after `step` begins; the first call starts the measurement. */
  begin(step: number): void;
  /** `step` steps are committed. */
  advance(step: number): void;
  estimate(totalSteps: number): Pick<ProgressView, 'imagesPerSecond' | 'remainingSeconds'>;
  /** From the first WORK to the last commit of this process; 0 before that. */
  totals(): { readonly seconds: number; readonly imagesPerSecond: number };
}

export function createThroughputMeter(imagesPerStep: number, nowMs: () => number): ThroughputMeter {
  let throughput: Throughput | undefined;
  const pointAt = (step: number) => ({ step, images: step * imagesPerStep, nowMs: nowMs() });
  return {
    begin(step) {
      throughput ??= startThroughput(pointAt(step));
    },
    advance(step) {
      throughput = advanceThroughput(throughput!, pointAt(step));
    },
    estimate(totalSteps) {
      if (throughput === undefined) return { imagesPerSecond: undefined, remainingSeconds: undefined };
      const now = nowMs();
      return {
        imagesPerSecond: currentRates(throughput, now)?.imagesPerSecond,
        remainingSeconds: remainingSeconds(throughput, totalSteps, now),
      };
    },
    totals() {
      if (throughput === undefined) return { seconds: 0, imagesPerSecond: 0 };
      const lastMs = throughput.recent.at(-1)!.nowMs;
      return { seconds: (lastMs - throughput.start.nowMs) / 1000, imagesPerSecond: summaryImagesPerSecond(throughput) };
    },
  };
}
