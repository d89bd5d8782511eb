/** What can happen to the coordinator's core. The runtime turns messages, timers, signals and finished commits into these. */
import type { ErrorCode, Fence, PeerId, ShardOutcome, TreeNode } from '@lockstep/shared';

/** Tensor bytes of a RESULT. The core hands it on unread. */
export type Payload = unknown;

export type Event =
  | {
      readonly type: 'hello';
      readonly peer: PeerId;
      readonly name: string;
      readonly host: string;
      readonly pid: number;
      readonly backend: string;
      readonly device: string;
    }
  /** `manifestKey` is equal for equal manifests. */
  | {
      readonly type: 'ready';
      readonly peer: PeerId;
      readonly fence: Fence;
      readonly manifestKey: string;
      readonly fingerprint: string;
      readonly carrier: string;
    }
  | {
      readonly type: 'result';
      readonly peer: PeerId;
      readonly fence: Fence;
      readonly workId: number;
      readonly task: TaskKind;
      readonly nodes: readonly TreeNode[];
      readonly outcomes: readonly ShardOutcome[];
      readonly payload: Payload;
    }
  | { readonly type: 'need'; readonly peer: PeerId; readonly fence: Fence; readonly workId: number; readonly networks: readonly string[] }
  | { readonly type: 'leave'; readonly peer: PeerId; readonly fence: Fence; readonly code: string; readonly reason: string }
  /** The peer sent something that could not be used; `reason` says what. */
  | { readonly type: 'malformed'; readonly peer: PeerId; readonly code: ErrorCode; readonly reason: string }
  | { readonly type: 'down'; readonly peer: PeerId }
  /** The runtime has summed and applied the round that the core told it to commit. */
  | { readonly type: 'committed' }
  /** The sum was not finite: nothing was applied. */
  | { readonly type: 'diverged'; readonly reason: string }
  /** A person or a scheduler asks to stop. */
  | { readonly type: 'stop'; readonly reason: string }
  /** A local worker that keeps crashing will not be started again. */
  | { readonly type: 'spawn-gave-up'; readonly reason: string }
  | { readonly type: 'tick' };

export type TaskKind = 'gradient' | 'generate';
