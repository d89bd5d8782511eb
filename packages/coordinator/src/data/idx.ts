/**
 * Headers of IDX files of bytes (LeCun's format: magic 00 00 08 D, D big-endian uint32 dimensions, then the bytes).
 *
 * Responsible for: refusing every file that is not exactly one such array, with its name and the offset of the fault. Not responsible for:
 * which files make a dataset, or what the bytes mean (`idx-dataset.ts`). Offsets in a gzip file are those of the decompressed data.
 */
import { LockstepError } from '@lockstep/shared';
import type { DataFile } from './data-file.ts';

export interface IdxHeader {
  /** Dimensions; the first counts items. */
  readonly shape: readonly [number, ...number[]];
  /** Where the elements begin, which are row-major. */
  readonly offset: number;
}

/** The header of a file that must have one of the allowed numbers of dimensions. Throws `data-invalid`. */
export function readIdxHeader(file: DataFile, ...allowed: [number, ...number[]]): IdxHeader {
  const { path, size } = file;
  if (size < 4)
    malformed(path, size, `the file ends after ${size} bytes, inside the magic number; expected a header of ${4 + 4 * allowed[0]} bytes`);
  const bytes = new Uint8Array(Math.min(size, 4 + 4 * Math.max(...allowed)));
  file.read(0, bytes);
  const view = new DataView(bytes.buffer);
  const magic = view.getUint32(0);
  const expected = allowed.map((each) => `${hexadecimal(0x0800 | each)} (bytes in ${each} dimensions)`).join(' or ');
  const dimensions =
    allowed.find((each) => magic === (0x0800 | each)) ??
    malformed(path, 0, `wrong magic number, expected ${expected}, found ${hexadecimal(magic)}`);
  const offset = 4 + 4 * dimensions;
  if (size < offset) malformed(path, size, `the file ends after ${size} bytes, inside the header of ${offset} bytes`);
  const shape = Array.from({ length: dimensions }, (_, axis) => view.getUint32(4 + 4 * axis)) as [number, ...number[]];
  const length = checkedLength(path, shape);
  const found = size - offset;
  if (found < length)
    malformed(
      path,
      size,
      `the file is truncated, its dimensions ${shape.join(' x ')} ask for ${length} bytes after the header, found ${found}`,
    );
  if (found > length)
    malformed(path, offset + length, `${found - length} bytes follow the ${length} bytes that the dimensions ${shape.join(' x ')} ask for`);
  return { shape, offset };
}

function checkedLength(path: string, shape: readonly number[]): number {
  let length = 1;
  shape.forEach((dimension, axis) => {
    const offset = 4 + 4 * axis;
    if (dimension === 0) malformed(path, offset, axis === 0 ? 'the file holds no items, its count is 0' : `dimension ${axis} is 0`);
    // Checked factor by factor: below the limit the product is exact.
    length *= dimension;
    if (length > Number.MAX_SAFE_INTEGER) malformed(path, offset, `the dimensions ${shape.join(' x ')} ask for more than any disk holds`);
  });
  return length;
}

function malformed(path: string, offset: number, what: string): never {
  throw new LockstepError('data-invalid', `${path}, offset ${offset}: ${what}. Fetch the file again, or point --data elsewhere.`);
}

function hexadecimal(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
