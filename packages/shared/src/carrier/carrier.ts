/**
 * How tensor bytes travel beside a message: in frames (`inline.ts`), or through shared memory with the message as the doorbell (`shm.ts`).
 *
 * A flat handed to `pack` is never written again: ZeroMQ sends by reference (design, section 6).
 */
import type { Payload } from '../protocol/messages.ts';

/** A flat and what it is: the newest weights of a network, the i-th gradient of a network. Flats of one key have one length. */
export interface KeyedFlat {
  readonly key: string;
  readonly flat: Float32Array;
}

export interface Packed {
  /** Goes into the message's header. */
  readonly payload: Payload;
  /** Go after the header, in this order. */
  readonly frames: readonly Uint8Array[];
}

export interface Carrier {
  readonly name: Payload['carrier'];
  pack(flats: readonly KeyedFlat[]): Packed;
  /** The flats of a received message, and the frames that belong to something else. Undefined if they are not (or no longer) there. */
  unpack(payload: Payload, frames: readonly Uint8Array[]): { flats: Float32Array[]; rest: readonly Uint8Array[] } | undefined;
}
