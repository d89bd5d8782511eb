/** What a trained model draws: the task, for commands that need pictures. `draw.ts` on the ground floor carries it out. */
import type { Log, LogLevel } from '@lockstep/shared';
import type { Options } from '../options/option-table.ts';
import type { TrainedRun } from './trained-run.ts';

export interface Drawing {
  readonly run: TrainedRun;
  /** How many pictures. */
  readonly count: number;
  /** Which of the model's: 0 are those of the run's grids, and each other number is independent of all others. */
  readonly set: number;
  readonly backend: Options['backend'];
  readonly log: Log;
  readonly logLevel: LogLevel;
  /** Resolves with a reason when a person or a scheduler asks to stop. */
  readonly stop: Promise<string>;
}

export interface Drawn {
  /** [count, ...shape], in the recipe's range. */
  readonly pictures: Float32Array;
  /** That drew them: on another one, their last bits may differ. */
  readonly backend: string;
}

/** Undefined if it was stopped. Throws what kept it from drawing. */
export type DrawPictures = (drawing: Drawing) => Promise<Drawn | undefined>;
