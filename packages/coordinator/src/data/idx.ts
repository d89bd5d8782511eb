/**
 * Reads IDX files of bytes (LeCun's format: magic 00 00 08 D, D big-endian uint32 dimensions, then the bytes), plain or gzip.
 *
 * Responsible for: refusing every file that is not exactly one such array, with its name and the offset of the fault. Not responsible for:
 * which files make a dataset, or what the bytes mean (`mnist.ts`). A file is recognised as gzip by its first bytes (1f 8b), never from its
 * name. Offsets in a gzip file are those of the decompressed data.
 */
import { readFile, stat } from 'node:fs/promises';
import { LockstepError } from '@lockstep/shared';
import { gunzipBounded } from './gzip.ts';

/** More than any dataset held in memory needs (MNIST has 47 MB), and less than one Buffer may hold. */
export const maximumBytes = 2 ** 30;

export interface IdxFile {
  /** Dimensions as the header gives them; the first counts items. */
  readonly shape: readonly number[];
  /** Elements, row-major. */
  readonly data: Uint8Array;
  /** The whole decompressed file, with its header: the same for a plain file and its gzip. */
  readonly bytes: Uint8Array;
}

/** Reads a file that must have one of the allowed numbers of dimensions. Throws `data-invalid`. */
export async function readIdx(path: string, ...allowed: [number, ...number[]]): Promise<IdxFile> {
  const stored = await readBounded(path);
  const bytes = stored[0] === 0x1f && stored[1] === 0x8b ? await gunzipBounded(path, stored, maximumBytes) : stored;
  return parseIdx(path, bytes, ...allowed);
}

/** Checks the bytes of a file, which error messages call `path`. */
export function parseIdx(path: string, bytes: Uint8Array, ...allowed: [number, ...number[]]): IdxFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4)
    malformed(
      path,
      bytes.length,
      `the file ends after ${bytes.length} bytes, inside the magic number; expected a header of ${4 + 4 * allowed[0]} bytes`,
    );
  const magic = view.getUint32(0);
  const expected = allowed.map((each) => `${hexadecimal(0x0800 | each)} (bytes in ${each} dimensions)`).join(' or ');
  const dimensions =
    allowed.find((each) => magic === (0x0800 | each)) ??
    malformed(path, 0, `wrong magic number, expected ${expected}, found ${hexadecimal(magic)}`);
  const header = 4 + 4 * dimensions;
  if (bytes.length < header)
    malformed(path, bytes.length, `the file ends after ${bytes.length} bytes, inside the header of ${header} bytes`);
  const shape = Array.from({ length: dimensions }, (_, axis) => view.getUint32(4 + 4 * axis));
  const length = checkedLength(path, shape);
  const found = bytes.length - header;
  if (found < length)
    malformed(
      path,
      bytes.length,
      `the file is truncated, its dimensions ${shape.join(' x ')} ask for ${length} bytes after the header, found ${found}`,
    );
  if (found > length)
    malformed(path, header + length, `${found - length} bytes follow the ${length} bytes that the dimensions ${shape.join(' x ')} ask for`);
  return { shape, data: bytes.subarray(header), bytes };
}

function checkedLength(path: string, shape: readonly number[]): number {
  let length = 1;
  shape.forEach((dimension, axis) => {
    const offset = 4 + 4 * axis;
    if (dimension === 0) malformed(path, offset, axis === 0 ? 'the file holds no items, its count is 0' : `dimension ${axis} is 0`);
    // Checked factor by factor: below the limit the product is exact.
    length *= dimension;
    if (length > maximumBytes) malformed(path, offset, `the dimensions ${shape.join(' x ')} ask for more than ${maximumBytes} bytes`);
  });
  return length;
}

async function readBounded(path: string): Promise<Uint8Array> {
  const facts = await stat(path).catch((cause: unknown) => unreadable(path, cause));
  // A directory, or a pipe, which could block for ever.
  if (!facts.isFile()) throw new LockstepError('data-invalid', `${path}: this is not a file. Check the directory given to --data.`);
  if (facts.size > maximumBytes)
    throw new LockstepError('data-invalid', `${path}: the file has ${facts.size} bytes; at most ${maximumBytes} are read.`);
  return readFile(path).catch((cause: unknown) => unreadable(path, cause));
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is not a directory',
  EACCES: 'this user has no permission to read it',
};

function unreadable(path: string, cause: unknown): never {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  const reason = reasons[code] ?? (cause as Error).message;
  throw new LockstepError('data-invalid', `${path}: the data file cannot be read: ${reason}. Check the directory given to --data.`, {
    cause,
  });
}

function malformed(path: string, offset: number, what: string): never {
  throw new LockstepError('data-invalid', `${path}, offset ${offset}: ${what}. Fetch the file again, or point --data elsewhere.`);
}

function hexadecimal(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
