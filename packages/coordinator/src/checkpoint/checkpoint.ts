/** What a checkpoint holds: everything a run needs to continue as if it had never stopped. Types only. */
import type { Cursor } from '../core/cursor.ts';
import type { SavedNetwork } from '../training/model.ts';
import type { Header } from './header.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface CheckpointNetwork extends SavedNetwork {
  /** Commits of this network. */
  readonly version: number;
}

export interface Checkpoint {
  /** The version of Lockstep that wrote it. */
  readonly lockstepVersion: string;
  readonly runId: string;
  /** RunSettings, except for what older checkpoints lack: those of format 1 have no `execution`, but their fingerprint covers it. */
  readonly run: Readonly<Header['run']>;
  readonly cursor: Cursor;
  /** Rounds already committed of the step after `cursor.step`; 0 exactly when the cursor is at the start of a step. */
  readonly roundsIntoStep: number;
  /** Rounds left out because they were not finite; absent if there are none. */
  readonly skippedRounds?: number;
  /** What computed it: a resume with `--backend auto` uses the same. Only the fingerprint has to match. */
  readonly backend: string;
  readonly fingerprint: string;
  readonly datasetSha256: string;
  /** Whatever the runtime has gathered for the unfinished step (losses of committed rounds). Numbers that are not finite become null, as in losses.jsonl. */
  readonly partial: Json;
  /** In recipe order. */
  readonly networks: readonly CheckpointNetwork[];
}
