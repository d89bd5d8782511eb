/**
 * What the core asks the runtime to do.
 *
 * What holds: effects begin in the order given, messages leave in it, and lines of losses.jsonl and events.jsonl are written in it. Tensors
 * are changed, and a checkpoint's copy of them is taken, before the next effect begins. Files are written later, while training goes on:
 * nothing that is sent depends on them, since a resume repeats the rounds after its checkpoint bit for bit. `finish` comes last, and the
 * session ends the process only when every write has settled. An effect that fails is answered by `effect-failed`.
 */
import type { CarrierName, ErrorCode, PeerId, ShardOutcome, TreeNode } from '@lockstep/shared';
import type { Cursor } from './cursor.ts';
import type { Payload, TaskKind } from './events.ts';

export type Effect =
  | { readonly do: 'welcome'; readonly to: PeerId; readonly round: number; readonly region: Payload }
  | { readonly do: 'refuse'; readonly to: PeerId; readonly round: number; readonly code: RefusalCode; readonly reason: string }
  | { readonly do: 'bye'; readonly to: PeerId; readonly round: number; readonly ended: boolean; readonly reason: string }
  /** A worker has joined: from now on its tensors travel this way. */
  | { readonly do: 'settle'; readonly peer: PeerId; readonly carrier: CarrierName }
  /** The first READY of a new run: draw the initial weights for the manifests this worker reported. */
  | { readonly do: 'initialise'; readonly manifests: Payload; readonly fingerprint: string }
  /** A round (or a grid of pictures) begins: forget sums of the one before. */
  | { readonly do: 'begin'; readonly task: TaskKind; readonly cursor: Cursor }
  /** Send WORK. `sends` are the networks whose version the worker lacks. */
  | {
      readonly do: 'assign';
      readonly to: PeerId;
      readonly worker: string;
      /** Of the worker (`state.ts`). */
      readonly seat: number;
      readonly workId: number;
      readonly task: TaskKind;
      readonly cursor: Cursor;
      readonly shards: readonly number[];
      readonly versions: Readonly<Record<string, number>>;
      readonly sends: readonly string[];
    }
  /** A worker answered a WORK, in time or not: how long it computed. */
  | {
      readonly do: 'measure';
      readonly peer: PeerId;
      readonly worker: string;
      readonly task: TaskKind;
      /** Of the round, which may be over; beyond the phases for pictures. */
      readonly phase: number;
      /** How many it computed. */
      readonly shards: number;
      readonly computeSeconds: number;
      /** False if others had computed its shards before. */
      readonly counts: boolean;
    }
  /** Count these shards in: add the nodes' flats to the sum. */
  | {
      readonly do: 'accept';
      readonly nodes: readonly TreeNode[];
      readonly outcomes: readonly ShardOutcome[];
      readonly payload: Payload;
    }
  /** Every shard is in: check, clip, apply. Answered by `committed` or `diverged` before any other event. `isRepeated`: for the second time. */
  | { readonly do: 'commit'; readonly cursor: Cursor; readonly isRepeated: boolean }
  /** The round is left out: nothing is applied. `figures`: those of `diverged`. */
  | { readonly do: 'skip'; readonly figures: Payload }
  /** The step's last round was committed. */
  | { readonly do: 'complete-step'; readonly cursor: Cursor }
  /** The pictures are in: write the grid. */
  | { readonly do: 'save-grid'; readonly step: number; readonly pictures: Payload }
  /** `versions`: commits of each network at the cursor. `isLast`: nothing will be committed after it. */
  | {
      readonly do: 'checkpoint';
      readonly cursor: Cursor;
      readonly versions: Readonly<Record<string, number>>;
      readonly fingerprint: string;
      readonly isLast: boolean;
      readonly skippedRounds: number;
    }
  /** A line for events.jsonl and the log. */
  | { readonly do: 'record'; readonly entry: RecordEntry }
  | { readonly do: 'count-reassigned'; readonly shards: number }
  | { readonly do: 'count-copied'; readonly shards: number }
  | { readonly do: 'count-nonfinite'; readonly cursor: Cursor }
  | { readonly do: 'count-audited'; readonly shards: number }
  | { readonly do: 'count-dropped'; readonly reason: DropReason }
  /** Tensors that were sent to a worker, or received from it, did not match their checksums. */
  | { readonly do: 'count-damaged'; readonly direction: 'sent' | 'received' }
  /** The end. `completed`: export and summarise. `stopped`: the cursor is checkpointed. `failed`: exit with the error. */
  | {
      readonly do: 'finish';
      readonly outcome: 'completed' | 'stopped' | 'failed';
      readonly reason: string;
      readonly code?: ErrorCode;
    };

/** `superseded`: another worker, asked for the same shards, answered first. */
export const dropReasons = ['unknown-worker', 'other-run', 'other-term', 'other-round', 'unasked', 'superseded'] as const;
export type DropReason = (typeof dropReasons)[number];

/** Why a worker that had joined is no longer counted. A refused worker never joined. */
export const leaveReasons = ['disconnected', 'left', 'timeout', 'expelled'] as const;
export type LeaveReason = (typeof leaveReasons)[number];

/** Why a worker is sent away for good: what its REFUSE says. */
export const refusalCodes = ['refused', 'version-mismatch', 'recipe-mismatch', 'numerics-mismatch', 'compute-failed'] as const;
export type RefusalCode = (typeof refusalCodes)[number];

/** `event` names are part of the interface of events.jsonl. */
export type RecordEntry =
  | {
      readonly event: 'worker-joined';
      readonly worker: string;
      readonly host: string;
      readonly pid: number;
      readonly backend: string;
      readonly device: string;
      readonly fingerprint: string;
      readonly carrier: CarrierName;
      readonly round: number;
    }
  | {
      readonly event: 'worker-left';
      readonly worker: string;
      readonly cause: LeaveReason;
      readonly reason: string;
      readonly round: number;
      readonly shardsCommitted: number;
    }
  /** A worker's own error, as its LEAVE reports it. */
  | { readonly event: 'worker-failed'; readonly worker: string; readonly code: ErrorCode; readonly reason: string }
  | { readonly event: 'worker-refused'; readonly worker: string; readonly code: ErrorCode; readonly reason: string }
  | { readonly event: 'shards-reassigned'; readonly worker: string; readonly shards: readonly number[]; readonly round: number }
  | {
      readonly event: 'worker-quarantined';
      readonly worker: string;
      readonly reason: string;
      readonly seconds: number;
      readonly round: number;
    }
  | {
      readonly event: 'audit-differs';
      readonly workers: readonly string[];
      readonly shards: readonly number[];
      readonly round: number;
      readonly reason: string;
    }
  | {
      readonly event: 'worker-wrong';
      readonly worker: string;
      readonly quarantined: boolean;
      readonly reason: string;
      readonly round: number;
    }
  | { readonly event: 'round-repeated'; readonly reason: string; readonly round: number }
  | { readonly event: 'round-skipped'; readonly reason: string; readonly round: number }
  | { readonly event: 'training'; readonly reason: string; readonly round: number }
  | { readonly event: 'waiting'; readonly reason: string; readonly round: number };
