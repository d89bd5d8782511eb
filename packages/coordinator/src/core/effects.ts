/**
 * What the core asks the runtime to do. Effects are carried out in the order given, each before the next: the runtime writes what must
 * survive before it sends what depends on it.
 */
import type { ErrorCode, PeerId, ShardOutcome, TreeNode } from '@lockstep/shared';
import type { Cursor } from './cursor.ts';
import type { Payload, TaskKind } from './events.ts';

export type Effect =
  | { readonly do: 'welcome'; readonly to: PeerId; readonly round: number }
  | { readonly do: 'refuse'; readonly to: PeerId; readonly round: number; readonly code: ErrorCode; readonly reason: string }
  | { readonly do: 'bye'; readonly to: PeerId; readonly round: number; readonly ended: boolean; readonly reason: string }
  /** The first READY of a new run: draw the initial weights for the manifests this worker reported. */
  | { readonly do: 'initialise'; readonly from: PeerId; readonly fingerprint: string }
  /** A round (or a grid of pictures) begins: forget sums of the one before. */
  | { readonly do: 'begin'; readonly task: TaskKind; readonly cursor: Cursor }
  /** Send WORK. `sends` are the networks whose version the worker lacks. */
  | {
      readonly do: 'assign';
      readonly to: PeerId;
      readonly workId: number;
      readonly task: TaskKind;
      readonly cursor: Cursor;
      readonly shards: readonly number[];
      readonly versions: Readonly<Record<string, number>>;
      readonly sends: readonly string[];
    }
  /** Count these shards in: add the nodes' flats to the sum, or keep the pictures. */
  | {
      readonly do: 'accept';
      readonly from: PeerId;
      readonly nodes: readonly TreeNode[];
      readonly outcomes: readonly ShardOutcome[];
      readonly payload: Payload;
    }
  /** Every shard is in: check, clip, apply. Answered by `committed` or `diverged` before any other event. */
  | { readonly do: 'commit'; readonly cursor: Cursor }
  /** The step's last round was committed. */
  | { readonly do: 'complete-step'; readonly cursor: Cursor }
  /** Every picture is in: write the grid. */
  | { readonly do: 'save-grid'; readonly step: number }
  | { readonly do: 'checkpoint'; readonly cursor: Cursor }
  /** A line for events.jsonl and the log. */
  | { readonly do: 'record'; readonly entry: RecordEntry }
  | { readonly do: 'count'; readonly what: 'shards-reassigned'; readonly by: number }
  | { readonly do: 'count'; readonly what: 'results-dropped'; readonly reason: DropReason; readonly by: 1 }
  /** The end. `completed`: export and summarise. `stopped`: the cursor is checkpointed. `failed`: exit with the error. */
  | {
      readonly do: 'finish';
      readonly outcome: 'completed' | 'stopped' | 'failed';
      readonly reason: string;
      readonly code?: ErrorCode;
    };

export const dropReasons = ['unknown-worker', 'other-run', 'other-term', 'other-round', 'unasked'] as const;
export type DropReason = (typeof dropReasons)[number];

/** Why a worker that had joined is no longer counted. A refused worker never joined. */
export const leaveReasons = ['disconnected', 'left', 'timeout', 'expelled'] as const;
export type LeaveReason = (typeof leaveReasons)[number];

/** `event` names are part of the interface of events.jsonl. */
export type RecordEntry =
  | {
      readonly event: 'worker-joined';
      readonly worker: string;
      readonly host: string;
      readonly pid: number;
      readonly backend: string;
      readonly device: string;
      readonly carrier: string;
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
  | { readonly event: 'worker-refused'; readonly worker: string; readonly code: ErrorCode; readonly reason: string }
  | { readonly event: 'shards-reassigned'; readonly worker: string; readonly shards: readonly number[]; readonly round: number }
  | { readonly event: 'training'; readonly reason: string; readonly round: number }
  | { readonly event: 'waiting'; readonly reason: string; readonly round: number };
