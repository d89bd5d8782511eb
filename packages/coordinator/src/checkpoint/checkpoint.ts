/** What a checkpoint holds: all that a run needs to go on as if it had never stopped. Types only. */
import type { Cursor } from '../core/cursor.ts';
import type { SavedNetwork } from '../training/model.ts';
import type { Header } from './header.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface CheckpointNetwork extends SavedNetwork {
  /** Commits of this network. */
  readonly version: number;
}

export interface Checkpoint {
  /** Of the Lockstep that wrote it. */
  readonly lockstepVersion: string;
  readonly runId: string;
  /** RunSettings, but for what is missing from older checkpoints: `execution` from those of format 1, where the fingerprint tells. */
  readonly run: Readonly<Header['run']>;
  readonly cursor: Cursor;
  /** Rounds committed of the step after `cursor.step`: 0 exactly when the cursor stands at a step's start. */
  readonly roundsIntoStep: number;
  /** What computed it: a resume whose backend is `auto` starts the same. The fingerprint is what must match. */
  readonly backend: string;
  readonly fingerprint: string;
  readonly datasetSha256: string;
  /** Whatever the runtime has gathered for the unfinished step (losses of committed rounds). Numbers that are not finite become null, as in losses.jsonl. */
  readonly partial: Json;
  /** In recipe order. */
  readonly networks: readonly CheckpointNetwork[];
}
