/**
 * What can happen to the coordinator's core. The runtime turns messages, timers, signals and finished commits into these.
 *
 * A `Payload` is something only the runtime understands: tensors, manifests, an offer of shared memory. The core passes it on, unread, in
 * the effect that needs it, so that the core's state is all there is to remember.
 */
import type { Body, CarrierName, ErrorCode, Fence, Hello, PeerId, Result } from '@lockstep/shared';
import type { RefusalCode } from './effects.ts';

export type Payload = unknown;

export type Event =
  /** `region`: shared memory that the worker offers. */
  | (Omit<Hello, 'peer' | 'region'> & { readonly peer: PeerId; readonly region: Payload })
  /** `manifestKey` is equal for equal manifests. */
  | {
      readonly type: 'ready';
      readonly peer: PeerId;
      readonly fence: Fence;
      readonly manifestKey: string;
      readonly fingerprint: string;
      readonly carrier: CarrierName;
      readonly manifests: Payload;
    }
  /** `hash`: of the tensors and losses, if the WORK is audited. */
  | (Body<Result> & {
      readonly type: 'result';
      readonly peer: PeerId;
      readonly fence: Fence;
      readonly hash?: string;
      readonly payload: Payload;
    })
  /** A worker has not computed its WORK: it lacks weights, or tensors were damaged on their way, those of the WORK or those of its RESULT. */
  | {
      readonly type: 'need';
      readonly peer: PeerId;
      readonly fence: Fence;
      readonly workId: number;
      readonly networks: readonly string[];
      readonly damaged?: 'sent' | 'received';
    }
  /** `code` is set if an error made it leave. */
  | { readonly type: 'leave'; readonly peer: PeerId; readonly fence: Fence; readonly code: ErrorCode | undefined; readonly reason: string }
  /** The peer sent something that could not be used; `reason` says what. */
  | { readonly type: 'malformed'; readonly peer: PeerId; readonly code: RefusalCode; readonly reason: string }
  | { readonly type: 'down'; readonly peer: PeerId }
  /** The runtime has summed and applied the round that the core told it to commit. */
  | { readonly type: 'committed' }
  /** The loss or the sum was not finite: nothing was applied. `figures`: what can be told about the round all the same. */
  | { readonly type: 'diverged'; readonly reason: string; readonly figures: Payload }
  /** The checkpoint under way is written, or has failed. */
  | { readonly type: 'checkpoint-settled' }
  /** An effect could not be carried out, and those after it were not tried. No `code`: a bug of ours. */
  | { readonly type: 'effect-failed'; readonly code: ErrorCode | undefined; readonly reason: string }
  /** A person or a scheduler asks to stop. */
  | { readonly type: 'stop'; readonly reason: string }
  /** No local worker will be started again; `code` and `reason` are those of the last one's error. */
  | { readonly type: 'spawn-gave-up'; readonly code: ErrorCode; readonly reason: string }
  | { readonly type: 'tick' };

export type TaskKind = Result['task'];
