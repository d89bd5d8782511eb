/**
 * Which carrier each worker is served with: shared memory if both sides can open each other's, frames otherwise.
 *
 * Responsible for: the coordinator's own region, and one reader per worker. Not responsible for: what carriers do (`shared/carrier/`).
 */
import {
  type Carrier,
  carrierBetween,
  type CarrierChoice,
  type CarrierName,
  createRegion,
  inlineCarrier,
  openRegion,
  type Payload,
  type PeerId,
  type RegionOffer,
  type RegionReader,
} from '@lockstep/shared';

export interface Carriers {
  /** HELLO: opens the region a worker offers. Returns what WELCOME offers in turn: nothing, unless that worked. */
  greet(peer: PeerId, offer: RegionOffer | undefined): RegionOffer | undefined;
  /** READY: what the worker could open decides. */
  settle(peer: PeerId, chosen: CarrierName): void;
  of(peer: PeerId): Carrier;
  /** Closes what belongs to workers that are no longer `present`. */
  retain(present: { has(peer: PeerId): boolean }): void;
  close(): void;
}

/** Elements of each flat of a message. */
export function lengthsOf(payload: Payload): readonly number[] {
  return payload.carrier === 'shm' ? payload.slots.map(({ length }) => length) : payload.lengths;
}

/** Bytes of tensors that a message leaves in shared memory. */
export function sharedBytes(payload: Payload): number {
  return payload.carrier === 'shm' ? payload.slots.reduce((sum, { length }) => sum + length * Float32Array.BYTES_PER_ELEMENT, 0) : 0;
}

/** `inline` never shares memory. */
export function createCarriers(choice: CarrierChoice): Carriers {
  // Weights of two versions: a worker may still read the one before while the next is written.
  const own = choice === 'inline' ? undefined : createRegion(2);
  const readers = new Map<PeerId, RegionReader>();
  const settled = new Map<PeerId, Carrier>();
  const forget = (peer: PeerId): void => {
    readers.get(peer)?.close();
    readers.delete(peer);
    settled.delete(peer);
  };
  return {
    greet(peer, offer) {
      forget(peer);
      if (own === undefined || offer === undefined) return undefined;
      const reader = openRegion(offer);
      if (reader === undefined) return undefined;
      readers.set(peer, reader);
      return own.offer;
    },
    settle(peer, chosen) {
      const reader = readers.get(peer);
      const carrier = carrierBetween(own, reader);
      if (reader !== undefined && carrier.name === chosen) settled.set(peer, carrier);
    },
    of: (peer) => settled.get(peer) ?? inlineCarrier,
    retain(present) {
      for (const peer of readers.keys()) if (!present.has(peer)) forget(peer);
    },
    close() {
      for (const peer of readers.keys()) forget(peer);
      own?.close();
    },
  };
}
