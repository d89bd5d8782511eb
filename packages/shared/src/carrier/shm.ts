/**
 * The carrier between processes of one host: flats through shared memory, the message as the doorbell.
 *
 * Responsible for: what goes into a message. Not responsible for: the memory (`shared-memory.ts`), or whether both sides can open each
 * other's memory (HELLO, WELCOME and READY settle that). A message whose flats find no room there falls back to `inline`, and one that
 * arrives in frames is read as such.
 */
import type { Parts } from '../parts.ts';
import type { Payload } from './payload.ts';
import type { Carrier, KeyedFlat, Packed } from './carrier.ts';
import { inlineCarrier } from './inline.ts';
import type { RegionReader, RegionWriter } from './shared-memory.ts';

/** `own` is written by this process, `peers` by the other. */
export function createShmCarrier(own: RegionWriter, peers: RegionReader): Carrier {
  return {
    name: 'shm',
    *pack(flats) {
      return (yield* packInto(own, flats)) ?? (yield* inlineCarrier.pack(flats));
    },
    *unpack(payload, frames, allocate) {
      return payload.carrier === 'shm' ? takeFrom(peers, payload, allocate) : yield* inlineCarrier.unpack(payload, frames, allocate);
    },
  };
}

function* packInto(region: RegionWriter, flats: readonly KeyedFlat[]): Parts<Packed | undefined> {
  const slots = [];
  for (const { key, version, live, room } of flats) {
    const reference = yield* region.put(key, version, live, room);
    if (reference === undefined) return undefined;
    slots.push({ offset: reference.offset, sequence: reference.sequence, length: live.length });
  }
  return { payload: { carrier: 'shm', slots }, frames: [] };
}

type ShmPayload = Extract<Payload, { carrier: 'shm' }>;

function takeFrom(region: RegionReader, { slots }: ShmPayload, allocate?: (length: number) => Float32Array): Float32Array[] | undefined {
  const flats: Float32Array[] = [];
  for (const slot of slots) {
    const flat = region.take(slot, slot.length, allocate);
    if (flat === undefined) return undefined;
    flats.push(flat);
  }
  return flats;
}
