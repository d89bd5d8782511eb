/**
 * How tensor bytes travel beside a message. `inline` puts them in frames; a shared-memory carrier puts them elsewhere and sends a descriptor.
 *
 * A flat handed to `pack` is never written again: ZeroMQ sends by reference (design, section 6).
 */
import type { Payload } from '../protocol/messages.ts';

export interface Packed {
  /** Goes into the message's header. */
  readonly payload: Payload;
  /** Go after the header, in this order. */
  readonly frames: readonly Uint8Array[];
}

export interface Carrier {
  readonly name: Payload['carrier'];
  pack(flats: readonly Float32Array[]): Packed;
  /** The flats of a received message, and the frames that belong to something else. Undefined if the frames do not fit the payload. */
  unpack(payload: Payload, frames: readonly Uint8Array[]): { flats: Float32Array[]; rest: readonly Uint8Array[] } | undefined;
}
