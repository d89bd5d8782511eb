/** The facts of a run that the core needs: numbers and names, fixed before the first event. */
import type { RunSettings } from '@lockstep/shared';

export interface PlannedPhase {
  readonly name: string;
  /** The networks whose version a commit of this phase raises. */
  readonly updates: readonly string[];
  readonly repeat: number;
  /** Whether each round of this phase takes a batch from the data stream. */
  readonly readsData: boolean;
}

export interface Plan {
  readonly runId: string;
  readonly term: number;
  /** What every worker must know as well. */
  readonly run: RunSettings;
  readonly phases: readonly PlannedPhase[];
  readonly networks: readonly string[];
  readonly totalSteps: number;
  readonly workersWanted: number;
  readonly minWorkers: number;
  /** How long to wait for workers before going on with fewer, or giving up below `minWorkers`. */
  readonly joinTimeoutMs: number;
  /** How long one worker may take to prepare itself, or to answer one WORK. */
  readonly workerTimeoutMs: number;
  /** 0: only at the end, or by time. */
  readonly checkpointEverySteps: number;
  /** After how long the next step that ends is checkpointed; undefined: checkpoints go by steps alone. */
  readonly checkpointEveryMs: number | undefined;
  /** 0: only at the end. */
  readonly gridEverySteps: number;
  /** Of a grid; 0 for a recipe that draws none. */
  readonly pictures: number;
  /** Which of the model's pictures a grid shows; 0 if it is not said. */
  readonly pictureSet?: number;
  readonly allowMixedNumerics: boolean;
  /** The share of shards that a second worker computes as well; above 0, `minWorkers` is at least 2. */
  readonly auditRate: number;
  /**
   * How a person starts one more worker; part of the sentence that lists the missing workers. Undefined with --spawn, which starts workers
   * itself.
   */
  readonly workerCommand: string | undefined;
}
