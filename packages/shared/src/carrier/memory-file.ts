/**
 * A file that exists only in memory and has no name, and views of such files: Linux's memfd_create and mmap.
 *
 * Responsible for: calling the C library (through koffi), and views that stay safe to read. Not responsible for: what lies where in a
 * file (`shared-memory.ts`).
 *
 * Touching a view beyond its file's end would kill the process (SIGBUS). So pages exist before they are viewed, and a file is viewed only if
 * it is sealed against shrinking, which Linux enforces for good: a peer cannot take away what is being read.
 */
import { closeSync, fstatSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import type koffi from 'koffi';
import { type Parts, partLength } from '../parts.ts';

/** The `length` float32 from byte `offset` on, a multiple of 4; undefined where the file ends before. Stays valid, and the memory with it. */
export type Views = (offset: number, length: number) => Float32Array | undefined;

/** From <sys/mman.h> and <fcntl.h>; the same on all of Linux's architectures that Node runs on. */
const [MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_NOEXEC_SEAL] = [1, 2, 8];
const [PROT_READ, PROT_WRITE, MAP_SHARED] = [1, 2, 1];
const [F_ADD_SEALS, F_GET_SEALS, F_SEAL_SHRINK] = [1033, 1034, 2];

interface LibC {
  readonly memfdCreate: (name: string, flags: number) => number;
  readonly fcntl: (descriptor: number, command: number, argument: number) => number;
  readonly mmap: (address: null, bytes: number, protection: number, flags: number, descriptor: number, offset: number) => bigint;
  /** What mmap returns where it fails: (void *) -1. */
  readonly mapFailed: bigint;
  readonly munmap: (address: bigint, bytes: number) => number;
  readonly view: (address: bigint, bytes: number) => ArrayBuffer;
}

let loaded: LibC | 'none' | undefined;

/** Undefined on other systems, and where koffi has no binary for this one. */
function libC(): LibC | undefined {
  loaded ??= (process.platform === 'linux' ? loadLibC() : undefined) ?? 'none';
  return loaded === 'none' ? undefined : loaded;
}

function loadLibC(): LibC | undefined {
  try {
    // Loaded only now: a process that shares no memory needs no native code.
    const ffi = createRequire(import.meta.url)('koffi') as typeof koffi;
    // The C library that Node runs on, whatever it is called on this system.
    const library = ffi.load(null);
    return {
      memfdCreate: library.func('int memfd_create(const char *, unsigned int)') as unknown as LibC['memfdCreate'],
      fcntl: library.func('int fcntl(int, int, int)') as unknown as LibC['fcntl'],
      mmap: library.func('void *mmap(void *, size_t, int, int, int, long)') as unknown as LibC['mmap'],
      mapFailed: 2n ** BigInt(8 * ffi.sizeof('void *')) - 1n,
      munmap: library.func('int munmap(void *, size_t)') as unknown as LibC['munmap'],
      view: ffi.view,
    };
  } catch {
    return undefined;
  }
}

/** A new file that begins with `content`, as a descriptor. Undefined where the system has no such files, or memory has run out. */
export function createMemoryFile(content: string): number | undefined {
  const libc = libC();
  if (libc === undefined) return undefined;
  const create = (flags: number): number => libc.memfdCreate('lockstep', MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
  let descriptor = create(MFD_NOEXEC_SEAL);
  // Linux before 6.3 does not know that flag; a later one may insist on it.
  if (descriptor < 0) descriptor = create(0);
  if (descriptor < 0) return undefined;
  try {
    writeSync(descriptor, content, 0, 'latin1');
    if (libc.fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK) === 0) return descriptor;
  } catch {
    // The same as on a system without such files.
  }
  closeSync(descriptor);
  return undefined;
}

const zeros = new Uint8Array(2 ** 20);

/** Makes the file at least `end` bytes long, and reserves the memory for it. Throws, as node:fs does, if there is not enough. */
export function* growMemoryFile(descriptor: number, end: number): Parts<void> {
  let grownBytes = 0;
  for (let size = fstatSync(descriptor).size; size < end;) {
    if (grownBytes >= partLength * 4) {
      yield;
      grownBytes = 0;
    }
    const written = writeSync(descriptor, zeros, 0, Math.min(zeros.length, end - size), size);
    size += written;
    grownBytes += written;
  }
}

/** Memory is unmapped when nothing views it any more, so that no view can outlive it. */
const mapped = new FinalizationRegistry<{ address: bigint; bytes: number }>(({ address, bytes }) => libC()!.munmap(address, bytes));

/** Views of a file, to read or also to write, as long as `descriptor` is open. Undefined unless the file is sealed against shrinking. */
export function viewMemoryFile(descriptor: number, access: 'read' | 'write'): Views | undefined {
  const libc = libC();
  if (libc === undefined) return undefined;
  // -1, every bit set, for a file that cannot be sealed.
  const seals = libc.fcntl(descriptor, F_GET_SEALS, 0);
  if (seals < 0 || (seals & F_SEAL_SHRINK) === 0) return undefined;
  const protection = access === 'read' ? PROT_READ : PROT_READ | PROT_WRITE;
  /** The whole file, mapped again whenever it has grown. */
  let memory = new ArrayBuffer(0);
  const mapAll = (): void => {
    const bytes = fstatSync(descriptor).size;
    if (bytes <= memory.byteLength) return;
    const address = libc.mmap(null, bytes, protection, MAP_SHARED, descriptor, 0);
    if (address === libc.mapFailed) return;
    memory = libc.view(address, bytes);
    mapped.register(memory, { address, bytes });
  };
  return (offset, length) => {
    const end = offset + length * 4;
    if (end > memory.byteLength) mapAll();
    return end <= memory.byteLength && offset % 4 === 0 ? new Float32Array(memory, offset, length) : undefined;
  };
}
