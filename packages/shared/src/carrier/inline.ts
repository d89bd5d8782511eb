/** The carrier that works everywhere: one ZeroMQ frame of little-endian float32 per flat, right after the header. */
import type { Payload } from './payload.ts';
import type { Frames } from '../transport/transport.ts';
import type { Carrier, KeyedFlat, Packed } from './carrier.ts';

export const inlineCarrier: Carrier = { name: 'inline', pack, unpack };

function pack(flats: readonly KeyedFlat[]): Packed {
  return {
    payload: { carrier: 'inline', lengths: flats.map(({ live }) => live.length) },
    // An explicit Buffer over the same memory: ZeroMQ would send other views with their own idea of length.
    frames: flats.map((each) => {
      const flat = each.snapshot();
      return Buffer.from(flat.buffer, flat.byteOffset, flat.byteLength);
    }),
  };
}

function unpack(payload: Payload, frames: Frames): Float32Array[] | undefined {
  if (payload.carrier !== 'inline') return undefined;
  const { lengths } = payload;
  const fits = frames.length === lengths.length && lengths.every((length, index) => frames[index]!.byteLength === length * 4);
  return fits ? frames.map(floats) : undefined;
}

/** A frame as float32; copies only if ZeroMQ delivered it at an offset that a Float32Array cannot view. */
function floats(frame: Uint8Array): Float32Array {
  const aligned = frame.byteOffset % 4 === 0 ? frame : new Uint8Array(frame);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}
