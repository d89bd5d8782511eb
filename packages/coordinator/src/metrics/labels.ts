/** Label values that are known before the first event, beside those that the core knows (`core/effects.ts`). */

/** Where the workers that have said HELLO are. They add up to the workers connected. */
export const workerStates = ['joining', 'ready', 'computing', 'spare'] as const;
export type WorkerState = (typeof workerStates)[number];

/** What a round's time is made of, in order. They add up to the round. */
export const phaseParts = ['compute', 'wait', 'reduce', 'apply'] as const;
export type PhasePart = (typeof phaseParts)[number];

export const directions = ['sent', 'received'] as const;
export type Direction = (typeof directions)[number];
