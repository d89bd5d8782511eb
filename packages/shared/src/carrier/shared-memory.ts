/**
 * Flats in memory that two processes of one host share: a file in /dev/shm that has no name.
 *
 * Responsible for: writing flats into slots of one's own region, and reading them from a peer's. Not responsible for: telling the peer
 * where they are (`shm.ts`), or deciding whether to share at all.
 *
 * The file is unlinked as soon as it is created, and the peer opens it as /proc/PID/fd/N: nothing is left behind, kill -9 included, and
 * the kernel lets only the same user in. A slot is guarded by a sequence number before its flat, odd while it is written (a seqlock:
 * Lameter, "Effective synchronization on Linux/NUMA systems", 2005); a reader that finds another number than it was told, before or after
 * reading, has read a flat that was being replaced. Reads and writes are pread and pwrite on the page cache, so they are ordered.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** What a peer needs to open a region: whose it is, and a token that only that region holds. */
export interface RegionOffer {
  readonly pid: number;
  readonly descriptor: number;
  readonly token: string;
}

/** Where one flat lies. */
export interface SlotReference {
  /** Byte of the slot's sequence number in the region. */
  readonly offset: number;
  readonly sequence: number;
}

export interface RegionWriter {
  readonly offer: RegionOffer;
  /**
   * Writes a version of a flat under `key` and says where. The version before it stays readable until the next but one is written
   * (`slotsPerKey` 2) or is replaced at once (1). The newest version again is not written again. Undefined if memory ran out.
   */
  put(key: string, version: number, flat: Float32Array): SlotReference | undefined;
  close(): void;
}

export interface RegionReader {
  /** The flat of `length` elements, or undefined if the slot does not hold it (any more). */
  take(reference: SlotReference, length: number, allocate?: (length: number) => Float32Array): Float32Array | undefined;
  close(): void;
}

const directory = '/dev/shm';
const tokenBytes = 32;
const pageBytes = 4096;
/** A cache line before each flat holds its sequence number, a float64: whole numbers up to 2^53. */
const guardBytes = 64;

/** A region of one's own. Undefined where there is no /dev/shm to write to. */
export function createRegion(slotsPerKey: 1 | 2): RegionWriter | undefined {
  const token = randomBytes(tokenBytes / 2).toString('hex');
  let descriptor: number;
  try {
    const path = join(directory, `lockstep-${token}`);
    descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    unlinkSync(path);
    writeSync(descriptor, token, 0, 'latin1');
  } catch {
    return undefined;
  }
  let end = pageBytes;
  let sequence = 0;
  const keys = new Map<string, Slot[]>();

  return {
    offer: { pid: process.pid, descriptor, token },
    put(key, version, flat) {
      let slots = keys.get(key);
      // A longer flat than ever: what it outgrew stays unused. A run has a handful of lengths.
      if (slots === undefined || slots[0]!.capacity < flat.byteLength) {
        slots = Array.from({ length: slotsPerKey }, () => {
          const slot: Slot = { offset: end, capacity: flat.byteLength, sequence: 0, version: undefined };
          end += Math.ceil((guardBytes + flat.byteLength) / pageBytes) * pageBytes;
          return slot;
        });
        keys.set(key, slots);
      }
      const newest = slots.at(-1)!;
      if (newest.version === version) return newest;
      const slot = slots.shift()!;
      slots.push(slot);
      sequence += 2;
      return write(descriptor, slot, sequence, version, flat) ? slot : undefined;
    },
    close: () => closeSync(descriptor),
  };
}

interface Slot {
  readonly offset: number;
  /** In bytes. */
  readonly capacity: number;
  sequence: number;
  /** Undefined while it holds nothing whole. */
  version: number | undefined;
}

function write(descriptor: number, slot: Slot, sequence: number, version: number, flat: Float32Array): boolean {
  const bytes = new Uint8Array(flat.buffer, flat.byteOffset, flat.byteLength);
  slot.version = undefined;
  try {
    writeSync(descriptor, Float64Array.of(sequence - 1), 0, 8, slot.offset);
    for (let done = 0; done < bytes.length;)
      done += writeSync(descriptor, bytes, done, bytes.length - done, slot.offset + guardBytes + done);
    writeSync(descriptor, Float64Array.of(sequence), 0, 8, slot.offset);
  } catch {
    // /dev/shm is full: containers often have 64 MB. The caller sends this flat another way.
    return false;
  }
  slot.sequence = sequence;
  slot.version = version;
  return true;
}

/** A peer's region. Undefined if it cannot be opened here, or is not the one that was offered: another host, namespace or user. */
export function openRegion(offer: RegionOffer): RegionReader | undefined {
  const path = `/proc/${offer.pid}/fd/${offer.descriptor}`;
  let descriptor: number | undefined;
  try {
    // The numbers come from outside: look before opening, since opening a device or a pipe has effects.
    if (!statSync(path).isFile()) return undefined;
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = Buffer.alloc(tokenBytes);
    readSync(descriptor, found, 0, tokenBytes, 0);
    if (found.toString('latin1') !== offer.token) throw new Error('another file');
  } catch {
    if (descriptor !== undefined) closeSync(descriptor);
    return undefined;
  }
  const opened = descriptor;
  const guard = new Float64Array(1);
  const holds = (reference: SlotReference): boolean =>
    readSync(opened, guard, 0, 8, reference.offset) === 8 && guard[0] === reference.sequence;
  return {
    take(reference, length, allocate = (count) => new Float32Array(count)) {
      // The length comes from outside: no more is allocated than there is to read.
      if (length * 4 > fstatSync(opened).size || !holds(reference)) return undefined;
      const flat = allocate(length);
      const bytes = new Uint8Array(flat.buffer, flat.byteOffset, flat.byteLength);
      for (let done = 0; done < bytes.length;) {
        const count = readSync(opened, bytes, done, bytes.length - done, reference.offset + guardBytes + done);
        if (count === 0) return undefined;
        done += count;
      }
      return holds(reference) ? flat : undefined;
    },
    close: () => closeSync(opened),
  };
}
