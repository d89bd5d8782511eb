/** Flats as little-endian float32 bytes, whatever the machine. Pure. */
import { endianness } from 'node:os';

const swaps = endianness() === 'BE';

/** The bytes of a flat; on little-endian machines a view of the same memory, so do not write to the flat until the bytes have been used. */
export function littleEndianBytes(flat: Float32Array): Uint8Array {
  const view = Buffer.from(flat.buffer, flat.byteOffset, flat.byteLength);
  return swaps ? Buffer.from(view).swap32() : view;
}

/**
 * A flat from bytes, whose length is a multiple of 4: a view of them where the machine allows it. Every bit is kept, NaN payloads included.
 */
export function flatFromLittleEndian(bytes: Uint8Array): Float32Array {
  if (bytes.byteLength % 4 !== 0) throw new Error(`${bytes.byteLength} bytes are not float32 numbers`);
  if (!swaps && bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const flat = new Float32Array(bytes.byteLength / 4);
  const own = Buffer.from(flat.buffer);
  own.set(bytes);
  if (swaps) own.swap32();
  return flat;
}
