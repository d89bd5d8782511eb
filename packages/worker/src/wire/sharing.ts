/** The memory this worker shares with its coordinator: offered in HELLO, used once both sides could open the other's; in messages otherwise. */
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
  /** For HELLO; undefined where there is no shared memory. */
  readonly offer: RegionOffer | undefined;
  /** WELCOME: opens what the coordinator offers, in place of what it offered before. */
  open(region: RegionOffer | undefined): void;
  carrier(): Carrier;
  close(): void;
}

export function createSharing(): Sharing {
  // One answer at a time, whatever it answers: the coordinator has read it before it asks for the next.
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
