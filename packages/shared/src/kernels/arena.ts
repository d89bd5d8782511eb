/**
 * Memory for flats in which kernels work on them where they lie, rather than on copies (`scratch.ts`).
 *
 * Responsible for: that memory, and finding the kernels that reach a flat. Not responsible for: when a flat is done with
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
/** Only what is touched takes memory, but some machines bound addresses too. */
const maximumBytes = 2 ** 30;

const residents = new WeakMap<ArrayBufferLike, Resident>();

/**
 * Makes memory for flats: up to `slots` of them in one WebAssembly memory, of the first length asked for; a greater length begins another
 * one. What does not fit is memory like any other. Contents are undefined.
 */
export function createArena(slots: number): (length: number) => Float32Array {
  let buffer = new ArrayBuffer(0);
  let slotBytes = 0;
  let end = 0;
  return (length) => {
    if (length * 4 > slotBytes) {
      slotBytes = wholeLanes(length) * 4;
      const bytes = headerBytes + Math.min(slots, Math.floor((maximumBytes - headerBytes) / slotBytes)) * slotBytes;
      const memory = createKernels(bytes, `Memory for ${slots} flats of ${length} elements`);
      ({ buffer } = memory);
      const [sums, block] = [new Float64Array(buffer, 0, 8), new Float32Array(buffer, sumsBytes, blockLength)];
      residents.set(buffer, { kernels: memory.kernels, sums, block });
      end = headerBytes;
    }
    const start = end;
    // WebAssembly's pages may hold more than was asked for.
    if (start + slotBytes > buffer.byteLength) return new Float32Array(length);
    end += slotBytes;
    return new Float32Array(buffer, start, length);
  };
}

/** What reaches this flat in place, if anything does. */
export function residentOf(flat: Float32Array): Resident | undefined {
  return flat.byteOffset % 16 === 0 ? residents.get(flat.buffer) : undefined;
}
