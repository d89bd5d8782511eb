/** What `/status` shows and `/readyz` asks: where the run is, and one sentence that says why. */
import type { WorkerState } from '../core/state.ts';
import type { StragglerCause } from '../metrics/stragglers.ts';

export interface WorkerStatus {
  readonly name: string;
  /** What metrics call it, once it has joined; `other` before. */
  readonly label: string;
  readonly state: WorkerState;
  readonly host: string;
  readonly pid: number;
  readonly backend: string;
  readonly device: string;
  readonly shardsCommitted: number;
  /** How much later than usual it answers; null until that is known. */
  readonly lateSeconds: number | null;
  /** Why it is late again and again; null if it is not. */
  readonly lateBecause: StragglerCause | null;
  /** It gets work only when nobody else can be given it, since it was late again and again. */
  readonly quarantined: boolean;
}

export interface Status {
  readonly state: 'starting' | 'waiting' | 'training' | 'done';
  /** One sentence: 'training step 120 of 4680 with 4 workers', 'waiting for 2 of 4 workers; start one with: ...'. */
  readonly reason: string;
  /** The run advances, or has done all that was asked: what `/readyz` answers with 200. */
  readonly ready: boolean;
  readonly runId: string;
  readonly recipe: string;
  /** Steps committed, and steps at which the run is complete. */
  readonly step: number;
  readonly steps: number;
  readonly workers: {
    readonly wanted: number;
    /** Joined and fit for work. */
    readonly live: number;
    /** By state, as `lockstep_workers` counts them. */
    readonly states: Readonly<Record<string, number>>;
    /** Each of them, in order of joining. */
    readonly each: readonly WorkerStatus[];
  };
}
