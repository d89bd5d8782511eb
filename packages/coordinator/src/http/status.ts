/** What `/status` shows and `/readyz` asks: where the run is, and one sentence that says why. */

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
  };
}
