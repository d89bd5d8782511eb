/** What can happen to the worker's core, and what it asks the runtime to do. */
import type { Body, ErrorCode, Fence, RunSettings, Work } from '@lockstep/shared';

/** Something only the runtime understands: tensors, manifests, an offer of shared memory. The core passes it on, unread. */
export type Payload = unknown;

export type WorkOrder = Readonly<Omit<Body<Work>, 'sampleBytes'>> & { readonly payload: Payload };

export type Event =
  | { readonly type: 'up' }
  | { readonly type: 'down' }
  | { readonly type: 'welcome'; readonly fence: Fence; readonly run: RunSettings; readonly region: Payload }
  | { readonly type: 'refuse'; readonly code: ErrorCode; readonly reason: string }
  | { readonly type: 'work'; readonly fence: Fence; readonly order: WorkOrder }
  /** Work came, but its tensors were damaged on their way, or its weights gone from shared memory before they were read. */
  | {
      readonly type: 'lost-weights';
      readonly fence: Fence;
      readonly workId: number;
      readonly networks: readonly string[];
      readonly damaged: boolean;
    }
  | { readonly type: 'bye'; readonly ended: boolean; readonly reason: string }
  /** The networks of this run are built: `built` is what READY says about them. */
  | { readonly type: 'prepared'; readonly run: RunSettings; readonly built: Payload }
  /** The ordered work is computed: `answer` is what RESULT says. */
  | { readonly type: 'computed'; readonly fence: Fence; readonly workId: number; readonly answer: Payload }
  /** The backend or the recipe failed. `run`: while its networks were built. */
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly reason: string; readonly run?: RunSettings }
  | { readonly type: 'stop'; readonly reason: string; readonly code?: ErrorCode }
  | { readonly type: 'tick' };

export type Effect =
  | { readonly do: 'hello' }
  /** Share memory with the coordinator, if it offered its own. */
  | { readonly do: 'share'; readonly region: Payload }
  /** Build the run's networks; answered by `prepared` or `failed`. */
  | { readonly do: 'prepare'; readonly run: RunSettings }
  | { readonly do: 'ready'; readonly fence: Fence; readonly built: Payload }
  /** Take the weights that came with the order, then compute; answered by `computed` or `failed`. */
  | { readonly do: 'compute'; readonly fence: Fence; readonly order: WorkOrder }
  | { readonly do: 'result'; readonly fence: Fence; readonly workId: number; readonly answer: Payload }
  | {
      readonly do: 'need';
      readonly fence: Fence;
      readonly workId: number;
      readonly networks: readonly string[];
      /** The tensors of the order were. */
      readonly damaged: boolean;
    }
  | { readonly do: 'leave'; readonly fence: Fence; readonly code: ErrorCode; readonly reason: string }
  | { readonly do: 'say'; readonly sentence: string }
  /** The end of the worker; an error if it has a code. */
  | { readonly do: 'exit'; readonly code?: ErrorCode; readonly reason: string };
