/** Label values that are known before the first event, beside those that the core knows (`core/`). */

/** What the time from one commit to the next is made of, in order. They add up to it. */
export const phaseParts = ['idle', 'checkpoint', 'data', 'serialise', 'send', 'compute', 'wait', 'reduce', 'apply'] as const;
export type PhasePart = (typeof phaseParts)[number];

/** What a worker's time in a round is made of, in order. They add up to the round. */
export const workerParts = ['compute', 'link', 'waiting'] as const;
export type WorkerPart = (typeof workerParts)[number];

export const directions = ['sent', 'received'] as const;
export type Direction = (typeof directions)[number];
