/**
 * The compiled kernels (`packages/shared/assembly`) as functions over a memory of a fixed size.
 *
 * Responsible for: compiling once in a process, memories, and what to say where WebAssembly does not work. Not responsible for: what lies
 * where in a memory (`scratch.ts`, `resident.ts`, `noise.ts`).
 *
 * A memory's maximum is its initial size: it never grows, so views of its buffer never detach, and it is freed like any other object.
 */
import { LockstepError } from '../errors.ts';
import { kernelsBase64 } from './kernels.wasm.ts';

/**
 * The sources say what each one computes. Addresses are bytes, `count` is in elements; for arithmetic over flats, they are multiples of 16
 * and of `lanes`.
 */
export interface Kernels {
  add(target: number, source: number, count: number): void;
  addSquares(sums: number, source: number, count: number): void;
  checksum(sums: number, source: number, count: number): void;
  descend(weights: number, gradient: number, count: number, scale: number, negativeRate: number): void;
  descendWithMomentum(
    weights: number,
    gradient: number,
    velocity: number,
    count: number,
    scale: number,
    momentum: number,
    negativeRate: number,
  ): void;
  adam(
    weights: number,
    gradient: number,
    m: number,
    v: number,
    count: number,
    scale: number,
    b1: number,
    b2: number,
    c1: number,
    c2: number,
    r1: number,
    r2: number,
    e: number,
    negativeRate: number,
    keep: number,
  ): void;
  clip(target: number, count: number, limit: number): void;
  rmsprop(
    weights: number,
    gradient: number,
    v: number,
    count: number,
    scale: number,
    decay: number,
    c: number,
    e: number,
    rate: number,
  ): void;
  rmspropWithMomentum(
    weights: number,
    gradient: number,
    v: number,
    velocity: number,
    count: number,
    scale: number,
    decay: number,
    c: number,
    e: number,
    momentum: number,
    rate: number,
  ): void;
  words(
    target: number,
    count: number,
    counter0: number,
    counter1: number,
    counter2: number,
    counter3: number,
    key0: number,
    key1: number,
  ): void;
  uniforms(target: number, source: number, count: number): void;
  normals(target: number, source: number, count: number): void;
  narrow(target: number, source: number, count: number): void;
}

export interface KernelMemory {
  readonly kernels: Kernels;
  /** Starts as zeros. */
  readonly buffer: ArrayBuffer;
}

/** Elements that a kernel handles at a time. */
export const lanes = 8;
/** Flats that pass through a memory are cut into blocks of this many elements: long enough to make calls cheap, short enough for caches. */
export const blockLength = 8192;

const pageBytes = 65_536;
const maximumBytes = 65_536 * pageBytes;

/** The part of WebAssembly used here: TypeScript declares it only among the browser's types. */
interface Engine {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

const engine = (): Engine => (globalThis as unknown as { readonly WebAssembly: Engine }).WebAssembly;
let compiled: object | undefined;

/**
 * The kernels over a new memory of at least `byteLength` bytes. `content` names what it is for, in errors.
 * Throws `recipe-invalid` above WebAssembly's 4 GiB, `compute-failed` where the machine has no such memory, `backend-unavailable` without SIMD.
 */
export function createKernels(byteLength: number, content: string): KernelMemory {
  const gibibytes = `${(byteLength / 2 ** 30).toFixed(1)} GiB`;
  if (byteLength > maximumBytes) {
    throw new LockstepError('recipe-invalid', `${content} takes ${gibibytes}, more than the limit of 4 GiB. Make the network smaller.`);
  }
  compiled ??= compileKernels(Buffer.from(kernelsBase64, 'base64'));
  const pages = Math.ceil(byteLength / pageBytes);
  try {
    const memory = new (engine().Memory)({ initial: pages, maximum: pages });
    const { exports } = new (engine().Instance)(compiled, { env: { memory } });
    return { kernels: exports as Kernels, buffer: memory.buffer };
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const advice = 'Free memory, raise the limit on address space (ulimit -v), or make the network smaller.';
    throw new LockstepError(
      'compute-failed',
      `${content} takes ${gibibytes}, which this machine does not have (${cause.message}). ${advice}`,
      {
        cause,
      },
    );
  }
}

/** Throws `backend-unavailable` if the engine rejects these bytes. */
export function compileKernels(bytes: Uint8Array): object {
  try {
    return new (engine().Module)(bytes);
  } catch (cause) {
    const sentence =
      "Lockstep's arithmetic needs WebAssembly with SIMD, which does not start here. Use Node 20 or later, without --jitless, on ARM64 or on x86-64 with SSE 4.1.";
    throw new LockstepError('backend-unavailable', sentence, { cause });
  }
}

/** `count` elements, rounded up to whole lanes. */
export function wholeLanes(count: number): number {
  return Math.ceil(count / lanes) * lanes;
}
