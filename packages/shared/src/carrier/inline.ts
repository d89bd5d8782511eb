/**
 * The carrier that works everywhere: one ZeroMQ frame of little-endian float32 per flat, right after the header.
 *
 * Each has a checksum, since TCP's lets one of 65,536 damaged packets pass (docs/decisions/tensors-in-messages-have-checksums.md).
 */
import type { Parts } from '../parts.ts';
import type { Payload } from './payload.ts';
import { checksum } from '../kernels/scratch.ts';
import { byteLengthOf, copyTo } from '../transport/pieces.ts';
import type { Pieces } from '../transport/transport.ts';
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
  const sum = known.get(snapshot) ?? (yield* checksum([bytesOf(snapshot)]));
  known.set(snapshot, sum);
  return sum;
}

function* unpack(
  payload: Payload,
  frames: readonly Pieces[],
  allocate = (length: number): Float32Array => new Float32Array(length),
): Parts<Float32Array[] | 'damaged' | undefined> {
  if (payload.carrier !== 'inline') return undefined;
  const { lengths, checksums } = payload;
  const fits =
    frames.length === lengths.length &&
    checksums.length === lengths.length &&
    lengths.every((length, index) => byteLengthOf(frames[index]!) === length * 4);
  if (!fits) return undefined;
  // Before anything is allocated.
  for (const [index, pieces] of frames.entries()) if ((yield* checksum(pieces)) !== checksums[index]) return 'damaged';
  const flats: Float32Array[] = [];
  for (const [index, pieces] of frames.entries()) {
    const flat = allocate(lengths[index]!);
    yield* copyTo(bytesOf(flat), pieces);
    flats.push(flat);
  }
  return flats;
}
