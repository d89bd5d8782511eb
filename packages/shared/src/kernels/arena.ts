/**
 * Memory for flats in which kernels work on them where they lie, rather than on copies (`scratch.ts`).
 *
 * Responsible for: that memory, and finding the kernels that reach a flat. Not responsible for: when a flat is no longer needed
 * (`tensor/flat-pool.ts`), or what is computed.
 */
import { blockLength, createKernels, type Kernels, wholeLanes } from './module.ts';

/** Where kernels work on flats in place. */
export interface Resident {
  readonly kernels: Kernels;
  /** Eight float64 at address 0, for sums of squares. */
  readonly sums: Float64Array;
  /** `blockLength` elements, for what lies elsewhere. */
  readonly block: Float32Array;
}

const sumsBytes = 64;
const headerBytes = sumsBytes + blockLength * 4;
/** Only what is touched takes memory, but some machines limit the address space too. */
const maximumBytes = 2 ** 30;

const residents = new WeakMap<ArrayBufferLike, Resident>();

/**
 * Makes memory for flats: up to `slots` of them, of at most `length` elements, in one WebAssembly memory. A flat that does not fit gets
 * ordinary memory. Contents are undefined. Throws as `createKernels` does.
 */
export function createArena(slots: number, length: number): (length: number) => Float32Array {
  const slotBytes = wholeLanes(length) * 4;
  const bytes = headerBytes + Math.min(slots, Math.floor((maximumBytes - headerBytes) / slotBytes)) * slotBytes;
  const { kernels, buffer } = createKernels(bytes, `Memory for ${slots} flats of ${length} elements`);
  residents.set(buffer, { kernels, sums: new Float64Array(buffer, 0, 8), block: new Float32Array(buffer, sumsBytes, blockLength) });
  let end = headerBytes;
  return (count) => {
    const start = end;
    // WebAssembly's pages may hold more than was asked for.
    if (count > length || start + slotBytes > buffer.byteLength) return new Float32Array(count);
    end += slotBytes;
    return new Float32Array(buffer, start, count);
  };
}

/** The kernels that reach this flat in place, if any do. */
export function residentOf(flat: Float32Array): Resident | undefined {
  return flat.byteOffset % 16 === 0 ? residents.get(flat.buffer) : undefined;
}
