/**
 * The label values that are known before the first event. Every list is closed: a label whose values come from outside is bounded in `metrics.ts`.
 *
 * Responsible for: the names and what each means (docs/metrics.md shows them). Not responsible for: deciding which one applies (the runtime).
 */
import { dropReasons, leaveReasons } from '../core/effects.ts';

/** Where the workers that have said HELLO are. They add up to the workers connected. */
export const workerStates = ['joining', 'ready', 'computing', 'spare'] as const;
export type WorkerState = (typeof workerStates)[number];

/** What a round's time is made of, in order. They add up to the round. */
export const phaseParts = ['compute', 'wait', 'reduce', 'apply'] as const;
export type PhasePart = (typeof phaseParts)[number];

export const directions = ['sent', 'received'] as const;
export type Direction = (typeof directions)[number];

/** Known values by metric label, for the documentation. */
export const knownLabelValues: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  lockstep_workers: { state: workerStates },
  lockstep_worker_leaves_total: { reason: leaveReasons },
  lockstep_results_dropped_total: { reason: dropReasons },
  lockstep_phase_duration_seconds: { part: phaseParts },
  lockstep_network_bytes_total: { direction: directions },
};
