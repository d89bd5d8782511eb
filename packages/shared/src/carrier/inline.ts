/**
 * The carrier that works everywhere: one ZeroMQ frame of little-endian float32 per flat, right after the header.
 *
 * Each has a checksum, since TCP's lets one of 65,536 damaged packets pass (docs/decisions/tensors-in-messages-have-checksums.md).
 */
import { crc32 } from 'node:zlib';
import { inParts, type Parts } from '../parts.ts';
import type { Payload } from './payload.ts';
import type { Frames } from '../transport/transport.ts';
import type { Carrier, KeyedFlat, Packed } from './carrier.ts';

export const inlineCarrier: Carrier = { name: 'inline', pack, unpack };

function* pack(flats: readonly KeyedFlat[]): Parts<Packed> {
  const [lengths, checksums, frames]: [number[], number[], Buffer[]] = [[], [], []];
  for (const flat of flats) {
    const snapshot = yield* flat.snapshot();
    lengths.push(snapshot.length);
    checksums.push(yield* checksumOf(snapshot));
    frames.push(bytesOf(snapshot));
  }
  return { payload: { carrier: 'inline', lengths, checksums }, frames };
}

/** An explicit Buffer over the same memory: ZeroMQ would send other views with their own idea of length. */
function bytesOf(flat: Float32Array): Buffer {
  return Buffer.from(flat.buffer, flat.byteOffset, flat.byteLength);
}

/** A snapshot is never written again, and goes to many workers. */
const known = new WeakMap<Float32Array, number>();

function* checksumOf(snapshot: Float32Array): Parts<number> {
  let checksum = known.get(snapshot);
  if (checksum !== undefined) return checksum;
  const bytes = bytesOf(snapshot);
  checksum = 0;
  yield* inParts(snapshot.length, (start, end) => (checksum = crc32(bytes.subarray(start * 4, end * 4), checksum)));
  known.set(snapshot, checksum);
  return checksum;
}

function unpack(payload: Payload, frames: Frames): Float32Array[] | 'damaged' | undefined {
  if (payload.carrier !== 'inline') return undefined;
  const { lengths, checksums } = payload;
  const fits =
    frames.length === lengths.length &&
    checksums.length === lengths.length &&
    lengths.every((length, index) => frames[index]!.byteLength === length * 4);
  if (!fits) return undefined;
  return frames.every((frame, index) => crc32(frame) === checksums[index]) ? frames.map(floats) : 'damaged';
}

/** A frame as float32; copies only if ZeroMQ delivered it at an offset that a Float32Array cannot view. */
function floats(frame: Uint8Array): Float32Array {
  const aligned = frame.byteOffset % 4 === 0 ? frame : new Uint8Array(frame);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}
