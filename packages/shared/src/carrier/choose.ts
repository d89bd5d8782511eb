/** Which carrier two processes use, once each has tried to open what the other offered. Both sides come to the same answer. */
import type { Carrier } from './carrier.ts';
import { inlineCarrier } from './inline.ts';
import type { RegionReader, RegionWriter } from './shared-memory.ts';
import { createShmCarrier } from './shm.ts';

/** `own` is the shared memory of this process, `peers` the other's. */
export function carrierBetween(own: RegionWriter | undefined, peers: RegionReader | undefined): Carrier {
  return own === undefined || peers === undefined ? inlineCarrier : createShmCarrier(own, peers);
}
