/** The whole state of the worker's core. */
import type { ErrorCode, Fence, RunSettings } from '@lockstep/shared';
import type { Payload } from './events.ts';

export interface Options {
  /** How long to look for a coordinator, at the start and after losing one. */
  readonly reconnectTimeoutMs: number;
  readonly endpoint: string;
}

export interface State {
  readonly options: Options;
  /** `seeking`: no coordinator has answered. `preparing`: building networks. `member`: may be given work. `ended`: shutting down. */
  stage: 'seeking' | 'preparing' | 'member' | 'ended';
  /** When `seeking` has lasted too long. */
  seekDeadlineMs: number;
  /** Of connections to one life of a coordinator, since it last took an answer. */
  losses: { readonly count: number; readonly sinceMs: number } | undefined;
  welcomedMs: number;
  /** An answer was sent over this connection. */
  answered: boolean;
  /** The fence of the last WELCOME. */
  fence: Fence | undefined;
  /** The run that the networks were built for, and what READY says about them. */
  prepared: { readonly run: RunSettings; readonly built: Payload } | undefined;
  /** Under way in the runtime; its outcome is dropped if another one has been ordered meanwhile. */
  preparing: RunSettings | undefined;
  /** Of this term; 0 before the first. */
  newestWorkId: number;
  computing: { readonly term: number; readonly workId: number } | undefined;
  /** Asked to stop while computing: it answers first, until the deadline. */
  stopping: { readonly reason: string; readonly code: ErrorCode | undefined; readonly deadlineMs: number } | undefined;
  /** Weight versions held since the last WELCOME. */
  holds: Record<string, number>;
}

export function createState(options: Options, nowMs: number): State {
  return {
    options,
    stage: 'seeking',
    seekDeadlineMs: nowMs + options.reconnectTimeoutMs,
    losses: undefined,
    welcomedMs: nowMs,
    answered: false,
    fence: undefined,
    prepared: undefined,
    preparing: undefined,
    newestWorkId: 0,
    computing: undefined,
    stopping: undefined,
    holds: {},
  };
}

/** When the next `tick` is due. */
export function nextDeadlineMs(state: State): number | undefined {
  return state.stage === 'seeking' ? state.seekDeadlineMs : state.stopping?.deadlineMs;
}
