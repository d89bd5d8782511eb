/**
 * Kernels over flats wherever they lie: in place as far as they lie in one arena (`arena.ts`), as the coordinator's sums do; otherwise each
 * block is copied into a small memory and worked on there.
 *
 * Responsible for: cutting flats into blocks, and the one memory per process in which copies are worked on.
 * Not responsible for: flats that a network keeps (`resident.ts`), or the order in which flats are added (`tensor/tree.ts`).
 */
import { atOnce, inParts, type Parts, partLength } from '../parts.ts';
import { residentOf } from './arena.ts';
import { blockLength, createKernels, type KernelMemory, lanes, wholeLanes } from './module.ts';

interface Scratch extends Pick<KernelMemory, 'kernels'> {
  readonly target: Float32Array;
  readonly source: Float32Array;
  readonly sums: Float64Array;
}

let made: Scratch | undefined;

/** Each call of the functions below overwrites it before reading it, and calls nothing that could use it meanwhile. */
function scratch(): Scratch {
  if (made === undefined) {
    const { kernels, buffer } = createKernels(64 + 2 * blockLength * 4, 'Scratch memory');
    made = {
      kernels,
      sums: new Float64Array(buffer, 0, 8),
      target: new Float32Array(buffer, 64, blockLength),
      source: new Float32Array(buffer, 64 + blockLength * 4, blockLength),
    };
  }
  return made;
}

/** target[i] = f(...f(f(sources[0][i]) + sources[1][i])...): `sumInto` without its checks. All have the target's length. */
export function sumFlats(target: Float32Array, sources: readonly Float32Array[]): void {
  const { kernels, target: sum, source: addend } = scratch();
  for (let start = sumInPlace(target, sources); start < target.length; start += blockLength) {
    const end = Math.min(target.length, start + blockLength);
    const count = wholeLanes(end - start);
    sum.set(sources[0]!.subarray(start, end));
    for (const source of sources.slice(1)) {
      addend.set(source.subarray(start, end));
      // What lies beyond the flats' end is added too, and never read.
      kernels.add(sum.byteOffset, addend.byteOffset, count);
    }
    target.set(sum.subarray(0, end - start), start);
  }
}

/** The same as far as the target is in reach of kernels, and in whole lanes. Returns how many elements that is. */
function sumInPlace(target: Float32Array, sources: readonly Float32Array[]): number {
  const resident = residentOf(target);
  if (resident === undefined) return 0;
  const { kernels, block } = resident;
  const whole = target.length - (target.length % lanes);
  const [first, ...others] = sources.map((flat) => ({ flat, inReach: residentOf(flat) === resident }));
  // Block by block, so that a block of the target is in the cache for all of its sources.
  for (let start = 0; start < whole; start += blockLength) {
    const end = Math.min(whole, start + blockLength);
    if (first!.flat !== target) target.set(first!.flat.subarray(start, end), start);
    for (const { flat, inReach } of others) {
      if (!inReach) block.set(flat.subarray(start, end));
      kernels.add(target.byteOffset + start * 4, inReach ? flat.byteOffset + start * 4 : block.byteOffset, end - start);
    }
  }
  return whole;
}

/**
 * Sum of squares of a flat of shape [n], in float64. Each square is exact; element i is added to the sum of lane i mod 8, in index order;
 * then ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)). A function of the flat alone: blocks, addresses and machines do not matter.
 *
 * Finite exactly if every element is: an infinity or NaN stays in its lane, and no flat has enough elements to overflow (2^128 squared).
 */
export function squaredNorm(flat: Float32Array): number {
  return atOnce(squaredNormInParts(flat));
}

/** The same, in parts. */
export function* squaredNormInParts(flat: Float32Array): Parts<number> {
  const lanesOf = new Float64Array(lanes);
  yield* inParts(flat.length, (start, end) => addSquares(flat.subarray(start, end), lanesOf));
  const [s0, s1, s2, s3, s4, s5, s6, s7] = lanesOf as unknown as [number, number, number, number, number, number, number, number];
  return s0 + s1 + (s2 + s3) + (s4 + s5 + (s6 + s7));
}

/** Adds the squares of a part, which begins at a lane's first element, to the sums by lane. */
function addSquares(flat: Float32Array, target: Float64Array): void {
  const { kernels, source, sums } = scratch();
  sums.set(target);
  for (let start = addSquaresInPlace(flat, sums); start < flat.length; start += blockLength) {
    const end = Math.min(flat.length, start + blockLength);
    const count = wholeLanes(end - start);
    source.set(flat.subarray(start, end));
    // Adding 0 to a sum of squares changes no bit.
    source.fill(0, end - start, count);
    kernels.addSquares(sums.byteOffset, source.byteOffset, count);
  }
  target.set(sums);
}

/**
 * A checksum of 32 bits over the bytes of all pieces together, however they are cut: eight sums after Fletcher (`assembly/kernels.ts`), folded
 * into one. Bytes are taken as little-endian uint32, the last one filled up with zeros: lengths have to be compared too.
 * Of random damages, one in four billion goes unnoticed.
 */
export function* checksum(pieces: readonly Uint8Array[]): Parts<number> {
  const { kernels, source, sums } = scratch();
  const block = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  sums.fill(0);
  let filled = 0;
  let added = 0;
  const add = (): void => {
    const count = wholeLanes(Math.ceil(filled / 4));
    block.fill(0, filled, count * 4);
    kernels.checksum(sums.byteOffset, source.byteOffset, count);
    added += count;
    filled = 0;
  };
  for (const piece of pieces) {
    for (let start = 0; start < piece.length;) {
      if (filled === 0 && added > 0 && added % partLength === 0) {
        const kept = sums.slice();
        yield;
        sums.set(kept);
      }
      const part = piece.subarray(start, start + block.length - filled);
      block.set(part, filled);
      filled += part.length;
      start += part.length;
      if (filled === block.length) add();
    }
  }
  add();
  return new Uint32Array(sums.buffer, sums.byteOffset, 8).reduce(fold, 0);
}

/** Another word gives another result, and so does another `folded`. The shift lets high bits reach low ones. */
function fold(folded: number, word: number): number {
  const product = Math.imul(folded ^ word, 0x9e3779b1);
  return (product ^ (product >>> 15)) >>> 0;
}

/** Adds as many elements to `sums` as can be taken in place, and returns how many. */
function addSquaresInPlace(flat: Float32Array, sums: Float64Array): number {
  const resident = residentOf(flat);
  if (resident === undefined) return 0;
  const whole = flat.length - (flat.length % lanes);
  resident.sums.set(sums);
  resident.kernels.addSquares(resident.sums.byteOffset, flat.byteOffset, whole);
  sums.set(resident.sums);
  return whole;
}
