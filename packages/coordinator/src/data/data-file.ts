/**
 * Files of data, read by position: small ones from memory, large ones from the disk, never whole.
 *
 * Responsible for: opening, gzip, and sentences for what cannot be read. Not responsible for: what the bytes mean (`idx.ts` and the like).
 * A file is recognised as gzip by its first bytes (1f 8b), never from its name. It cannot be read by position, so it is unpacked in memory,
 * up to a limit.
 */
import type { Hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { LockstepError } from '@lockstep/shared';
import { gunzipBounded } from './gzip.ts';

/** Larger files stay on the disk. MNIST's take 47 MB. */
export const maximumResidentBytes = 256 * 2 ** 20;

export interface DataFile {
  readonly path: string;
  /** Bytes of the content, decompressed. */
  readonly size: number;
  readonly isResident: boolean;
  /** Its path, size and time of change: another content has another stamp. */
  readonly stamp: string;
  /** Fills `out` with the content from `position` on. Throws `data-invalid` if the file ends there. */
  read(position: number, out: Uint8Array): void;
  close(): void;
}

/** Throws `data-invalid`. */
export async function openDataFile(path: string): Promise<DataFile> {
  const facts = await stat(path).catch((cause: unknown) => unreadable(path, cause));
  // A directory, or a pipe, which could block for ever.
  if (!facts.isFile()) throw new LockstepError('data-invalid', `${path}: this is not a file. Check the path given to --data.`);
  const stamp = `${path} ${facts.size} ${facts.mtimeMs}`;
  if (facts.size > maximumResidentBytes) return openLarge(path, facts.size, stamp);
  const stored = await readFile(path).catch((cause: unknown) => unreadable(path, cause));
  return residentFile(path, isGzip(stored) ? await gunzipBounded(path, stored, maximumResidentBytes) : stored, stamp);
}

export function residentFile(path: string, bytes: Uint8Array, stamp = path): DataFile {
  const read = (position: number, out: Uint8Array): void => {
    if (position + out.length > bytes.length) endsEarly(path, bytes.length);
    out.set(bytes.subarray(position, position + out.length));
  };
  return { path, size: bytes.length, isResident: true, stamp, read, close() {} };
}

/** A part of a file as a file of its own; closing it closes the whole. */
export function partOf(file: DataFile, path: string, start: number, size: number): DataFile {
  const read = (position: number, out: Uint8Array): void => {
    if (position + out.length > size) endsEarly(path, size);
    file.read(start + position, out);
  };
  return { ...file, path, size, read };
}

function openLarge(path: string, size: number, stamp: string): DataFile {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (cause) {
    return unreadable(path, cause);
  }
  const read = (position: number, out: Uint8Array): void => {
    for (let filled = 0; filled < out.length;) {
      let count: number;
      try {
        count = readSync(descriptor, out, filled, out.length - filled, position + filled);
      } catch (cause) {
        return unreadable(path, cause);
      }
      if (count === 0) endsEarly(path, position + filled);
      filled += count;
    }
  };
  const file = { path, size, isResident: false, stamp, read, close: () => closeSync(descriptor) };
  const first = new Uint8Array(2);
  read(0, first);
  if (!isGzip(first)) return file;
  file.close();
  throw new LockstepError(
    'data-invalid',
    `${path}: a gzip file cannot be read by position, and with ${size} bytes this one is too large to unpack in memory (at most ${maximumResidentBytes}). Unpack it first: gunzip ${path}`,
  );
}

/** Adds the whole content. */
export function hashFile(hash: Hash, file: DataFile): void {
  const chunk = new Uint8Array(Math.min(file.size, 2 ** 22));
  for (let position = 0; position < file.size; position += chunk.length) {
    const part = chunk.subarray(0, Math.min(chunk.length, file.size - position));
    file.read(position, part);
    hash.update(part);
  }
}

/** Rows of `rowBytes` that follow each other from `offset` on: copies rows `ids`, in order. Neighbours are read together. */
export function readRows(file: DataFile, offset: number, rowBytes: number, ids: Uint32Array, out: Uint8Array): void {
  if (out.length !== ids.length * rowBytes) throw new Error(`${ids.length} rows of ${rowBytes} bytes do not fit ${out.length} bytes`);
  for (let row = 0; row < ids.length;) {
    const first = row;
    const id = ids[first]!;
    do row += 1;
    while (row < ids.length && ids[row] === id + row - first);
    file.read(offset + id * rowBytes, out.subarray(first * rowBytes, row * rowBytes));
  }
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is not a directory',
  EACCES: 'this user has no permission to read it',
  EIO: 'the disk reports an input/output error',
  EMFILE: 'too many files are open (raise ulimit -n)',
};

export function unreadable(path: string, cause: unknown): never {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  const reason = reasons[code] ?? (cause as Error).message;
  throw new LockstepError('data-invalid', `${path}: the data cannot be read: ${reason}. Check the path given to --data.`, { cause });
}

function endsEarly(path: string, size: number): never {
  throw new LockstepError('data-invalid', `${path}: the file ends after ${size} bytes, before the sample that is wanted. Has it changed?`);
}
