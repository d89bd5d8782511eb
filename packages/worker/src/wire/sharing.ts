/**
 * The memory this worker shares with its coordinator: offered in HELLO, and used if each side can open the other's. Otherwise tensors
 * travel in messages.
 */
import {
  type Carrier,
  carrierBetween,
  createRegion,
  inlineCarrier,
  openRegion,
  type RegionOffer,
  type RegionReader,
} from '@lockstep/shared';

export interface Sharing {
  /** For HELLO; undefined if there is no shared memory. */
  readonly offer: RegionOffer | undefined;
  /** WELCOME: opens the memory that the coordinator offers, instead of any that it offered before. */
  open(region: RegionOffer | undefined): void;
  carrier(): Carrier;
  close(): void;
}

export function createSharing(): Sharing {
  // One slot is enough: the coordinator has read an answer before it asks for the next.
  const own = createRegion(1);
  let theirs: RegionReader | undefined;
  let carrier: Carrier = inlineCarrier;
  return {
    offer: own?.offer,
    open(region) {
      theirs?.close();
      theirs = region === undefined ? undefined : openRegion(region);
      carrier = carrierBetween(own, theirs);
    },
    carrier: () => carrier,
    close() {
      theirs?.close();
      own?.close();
    },
  };
}

/** For a worker that shares nothing. */
export const noSharing: Sharing = { offer: undefined, open: () => {}, carrier: () => inlineCarrier, close: () => {} };
