/**
 * A fault plan: what happens to a run of real processes, and when. It is data, so that a table of faults can be read, and a plan that was
 * drawn by chance can be printed and repeated.
 */
import type { CarrierMix } from './cluster.ts';
import type { DeedName, MangleName, Target } from './deeds.ts';
import type { MessageType } from './frame-link.ts';

export type Moment =
  /** So many steps are done. */
  | { readonly step: number }
  /** The worker owes an answer of a round of this phase: it is stopped there, and continues unless what is done ends it. */
  | { readonly phase: string; readonly of: Target }
  /** The nth message of this type passes on the worker's link. */
  | { readonly message: MessageType; readonly nth: number; readonly of: Target }
  /** Such an event is in events.jsonl, or so many of them. */
  | { readonly event: string; readonly times?: number }
  /** The worker or the coordinator has printed this. */
  | { readonly says: RegExp; readonly by: Target };

export interface Entry {
  /** Undefined: right after the entry before. */
  readonly at?: Moment;
  readonly do: DeedName;
  readonly to: Target;
  /** Milliseconds, or bytes per second. */
  readonly value?: number;
}

export interface MessageFault {
  readonly of: Target;
  readonly message: MessageType;
  /** The first that it happens to, counted from 1, and to how many. */
  readonly nth: number;
  readonly times?: number;
  readonly do: MangleName;
}

/** Something that must be seen in the end, so that a fault that did nothing is no success. */
export type Evidence =
  | { readonly event: string; readonly with?: Readonly<Record<string, unknown>> }
  | { readonly says: RegExp; readonly by: Target };

export interface Scenario {
  /** Default: `a` and `b`. */
  readonly workers?: readonly string[];
  readonly carrier?: CarrierMix;
  /** Further ones of the coordinator. */
  readonly args?: readonly string[];
  /** Of one worker. */
  readonly environment?: Readonly<Record<Target, NodeJS.ProcessEnv>>;
  /** Workers that only an entry starts. */
  readonly late?: readonly Target[];
  /** The clocks of all processes can be shifted. */
  readonly clock?: true;
  /** The run directory is on a disk of so many megabytes. */
  readonly diskMegabytes?: number;
  readonly messages?: readonly MessageFault[];
  readonly entries?: readonly Entry[];
  readonly shows?: readonly Evidence[];
}
