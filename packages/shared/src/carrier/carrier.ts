/** How tensor bytes travel beside a message: in frames (`inline.ts`), or through shared memory with the message as the doorbell (`shm.ts`). */
import type { Parts } from '../parts.ts';
import type { Pieces } from '../transport/transport.ts';
import type { CarrierName, Payload } from './payload.ts';

/** A flat and what it is: the weights of a network, the i-th flat of an answer. */
export interface KeyedFlat {
  readonly key: string;
  /** Flats of one key and version have the same bits: so they are written only once, however many receivers there are. */
  readonly version: number;
  /** The greatest length that any flat of this key will have. Default: the length of this one. */
  readonly room?: number;
  /** Where it lies now. Read before `pack` is done. */
  readonly live: Float32Array;
  /** The same bits in memory that is never written again, since ZeroMQ sends by reference and reads it later. */
  readonly snapshot: () => Parts<Float32Array>;
}

export interface Packed {
  /** Goes into the message's header. */
  readonly payload: Payload;
  /** Go after the header, in this order. */
  readonly frames: readonly Uint8Array[];
}

export interface Carrier {
  readonly name: CarrierName;
  pack(flats: readonly KeyedFlat[]): Parts<Packed>;
  /**
   * The flats of a received message. Undefined if they are not (or no longer) there, `damaged` if their bits are not those that were sent.
   * Without `allocate` flats may lie in the sender's memory: read them only, and only until the sender may write there again (a worker's
   * answer: the next WORK; weights: two versions later). With `allocate` they are copied into memory that it provides.
   */
  unpack(
    payload: Payload,
    frames: readonly Pieces[],
    allocate?: (length: number) => Float32Array,
  ): Parts<Float32Array[] | 'damaged' | undefined>;
}
