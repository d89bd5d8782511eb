/** What wants a copy of what a run reports, beside the run's own files. A sink never throws and never makes the run wait. */
import type { LossLine } from '../run/losses-file.ts';

export interface RunSink {
  /** The step's line of losses.jsonl; the rate is absent while it is unknown. */
  stepCompleted(line: LossLine, imagesPerSecond: number | undefined): void;
  grid(step: number, png: Buffer): void;
  /** Resolves when it has written what it could. */
  close(): Promise<void>;
}
