/**
 * Flats in memory that two processes of one host share.
 *
 * Responsible for: writing flats into slots of one's own region, and lending views of those in a peer's. Not responsible for: how memory
 * comes to be shared (`memory-file.ts`), telling the peer where flats are (`shm.ts`), or deciding whether to share at all.
 *
 * The peer opens a region as /proc/PID/fd/N: it has no name, so nothing is left behind, kill -9 included, and the kernel lets only the same
 * user in. A slot is guarded by a sequence number before its flat, odd while it is written (a seqlock: Lameter, "Effective synchronization
 * on Linux/NUMA systems", 2005): a reader that finds a number other than the one it was told knows that the flat has been or is being
 * replaced. The numbers are read and written by system calls, which keep them in order with the flats even where a processor reorders loads
 * and stores.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, readSync, statSync, writeSync } from 'node:fs';
import { inParts, type Parts } from '../parts.ts';
import { createMemoryFile, growMemoryFile, type Views, viewMemoryFile } from './memory-file.ts';

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
   * (`slotsPerKey` 2) or is replaced at once (1). Writing the newest version again does nothing. Undefined if memory ran out.
   * A key gets room for `room` elements at once: a slot that a longer flat outgrows is lost.
   */
  put(key: string, version: number, flat: Float32Array, room?: number): Parts<SlotReference | undefined>;
  close(): void;
}

export interface RegionReader {
  /**
   * The flat of `length` elements, or undefined if the slot does not hold it (any longer): copied into what `allocate` gives, or, without
   * it, where it lies. There it is for reading only, and only until the peer has reason to write the next one.
   */
  take(reference: SlotReference, length: number, allocate?: (length: number) => Float32Array): Float32Array | undefined;
  close(): void;
}

const tokenBytes = 32;
/** Slots begin on pages of their own, whatever the size of a page is on this machine: 4 to 64 KiB. */
const slotAlignmentBytes = 65_536;
/** A cache line before each flat holds its sequence number, a float64: whole numbers up to 2^53. */
const guardBytes = 64;

/** A region of one's own. Undefined where memory cannot be shared: it takes Linux. */
export function createRegion(slotsPerKey: 1 | 2): RegionWriter | undefined {
  const token = randomBytes(tokenBytes / 2).toString('hex');
  const descriptor = createMemoryFile(token);
  const views = descriptor === undefined ? undefined : viewMemoryFile(descriptor, 'write');
  if (descriptor === undefined || views === undefined) return undefined;
  let end = slotAlignmentBytes;
  let sequence = 0;
  const keys = new Map<string, Slot[]>();

  return {
    offer: { pid: process.pid, descriptor, token },
    *put(key, version, flat, room = 0) {
      let slots = keys.get(key);
      // A flat longer than all before it: the slots it outgrew stay unused. A run has a handful of lengths.
      if (slots === undefined || slots[0]!.capacity < flat.byteLength) {
        slots = Array.from({ length: slotsPerKey }, () => {
          const slot: Slot = { offset: end, capacity: Math.max(room * 4, flat.byteLength), sequence: 0, version: undefined };
          end += Math.ceil((guardBytes + slot.capacity) / slotAlignmentBytes) * slotAlignmentBytes;
          return slot;
        });
        keys.set(key, slots);
      }
      const newest = slots.at(-1)!;
      if (newest.version === version) return newest;
      const slot = slots.shift()!;
      slots.push(slot);
      return (yield* write(slot, version, flat)) ? slot : undefined;
    },
    close: () => closeSync(descriptor),
  };

  function* write(slot: Slot, version: number, flat: Float32Array): Parts<boolean> {
    slot.version = undefined;
    sequence += 2;
    try {
      yield* growMemoryFile(descriptor!, slot.offset + guardBytes + slot.capacity);
      writeSync(descriptor!, Float64Array.of(sequence - 1), 0, 8, slot.offset);
      const there = views!(slot.offset + guardBytes, flat.length)!;
      yield* inParts(flat.length, (start, end) => there.set(flat.subarray(start, end), start));
      writeSync(descriptor!, Float64Array.of(sequence), 0, 8, slot.offset);
    } catch {
      // Memory ran out. The caller sends this flat another way.
      return false;
    }
    slot.sequence = sequence;
    slot.version = version;
    return true;
  }
}

interface Slot {
  readonly offset: number;
  /** In bytes. */
  readonly capacity: number;
  sequence: number;
  /** Undefined while it holds no complete flat. */
  version: number | undefined;
}

/** A peer's region. Undefined if it cannot be opened here, or is not the one that was offered: another host, namespace or user. */
export function openRegion(offer: RegionOffer): RegionReader | undefined {
  const path = `/proc/${offer.pid}/fd/${offer.descriptor}`;
  let descriptor: number | undefined;
  let views: Views | undefined;
  try {
    // The numbers come from outside: look before opening, since opening a device or a pipe has side effects.
    if (!statSync(path).isFile()) return undefined;
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = Buffer.alloc(tokenBytes);
    readSync(descriptor, found, 0, tokenBytes, 0);
    if (found.toString('latin1') === offer.token) views = viewMemoryFile(descriptor, 'read');
  } catch {
    // The same as for a file that is not the one that was offered.
  }
  if (descriptor === undefined || views === undefined) {
    if (descriptor !== undefined) closeSync(descriptor);
    return undefined;
  }
  return regionReader(descriptor, views);
}

function regionReader(descriptor: number, views: Views): RegionReader {
  const guard = new Float64Array(1);
  const holds = (reference: SlotReference): boolean =>
    readSync(descriptor, guard, 0, 8, reference.offset) === 8 && guard[0] === reference.sequence;
  return {
    take(reference, length, allocate) {
      // The numbers come from outside: no more is allocated than there is to read.
      const there = views(reference.offset + guardBytes, length);
      if (there === undefined || !holds(reference)) return undefined;
      if (allocate === undefined) return there;
      const flat = allocate(length);
      flat.set(there);
      return holds(reference) ? flat : undefined;
    },
    close: () => closeSync(descriptor),
  };
}
