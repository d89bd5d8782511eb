/** How tensor bytes travel beside a message: in frames (`inline.ts`), or through shared memory with the message as the doorbell (`shm.ts`). */
import type { CarrierName, Payload } from './payload.ts';

/** A flat and what it is: the weights of a network, the i-th flat of an answer. */
export interface KeyedFlat {
  readonly key: string;
  /** Flats of one key and version have the same bits: for many receivers they need to be written once only. */
  readonly version: number;
  /** The greatest length that flats of this key will have, if it is not this one's. */
  readonly room?: number;
  /** Where it lies now. Read before `pack` returns. */
  readonly live: Float32Array;
  /** The same bits in memory that is never written again, since ZeroMQ sends by reference and reads it later. */
  readonly snapshot: () => Float32Array;
}

export interface Packed {
  /** Goes into the message's header. */
  readonly payload: Payload;
  /** Go after the header, in this order. */
  readonly frames: readonly Uint8Array[];
}

export interface Carrier {
  readonly name: CarrierName;
  pack(flats: readonly KeyedFlat[]): Packed;
  /**
   * The flats of a received message. Undefined if they are not (or no longer) there.
   * Without `allocate` flats may lie in the sender's memory: for reading only, and only until it has reason to write there again (a worker's
   * answer: the next WORK; weights: two versions later). With it they are the receiver's, which provides the memory for what is copied.
   */
  unpack(payload: Payload, frames: readonly Uint8Array[], allocate?: (length: number) => Float32Array): Float32Array[] | undefined;
}
