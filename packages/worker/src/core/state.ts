/** The whole state of the worker's core. */
import type { Fence, RunSettings } from '@lockstep/shared';
import type { Payload } from './events.ts';

export interface Options {
  /** How long to look for a coordinator, at the start and after losing one. */
  readonly reconnectTimeoutMs: number;
  readonly endpoint: string;
}

export interface State {
  readonly options: Options;
  /** `seeking`: no coordinator has answered. `preparing`: building networks. `member`: may be given work. `ended`: on the way out. */
  stage: 'seeking' | 'preparing' | 'member' | 'ended';
  /** When `seeking` has lasted too long. */
  seekDeadlineMs: number;
  /** Of the coordinator that welcomed us last. */
  fence: Fence | undefined;
  /** What the networks were built for, and what READY tells of them. */
  prepared: { readonly run: RunSettings; readonly built: Payload } | undefined;
  /** Under way in the runtime; its outcome is dropped if another was ordered meanwhile. */
  preparing: RunSettings | undefined;
  computing: { readonly term: number; readonly workId: number } | undefined;
  /** Weight versions held since the last WELCOME. */
  holds: Record<string, number>;
}

export function createState(options: Options, nowMs: number): State {
  return {
    options,
    stage: 'seeking',
    seekDeadlineMs: nowMs + options.reconnectTimeoutMs,
    fence: undefined,
    prepared: undefined,
    preparing: undefined,
    computing: undefined,
    holds: {},
  };
}

/** The next moment at which a `tick` is wanted. */
export function nextDeadlineMs(state: State): number | undefined {
  return state.stage === 'seeking' ? state.seekDeadlineMs : undefined;
}
