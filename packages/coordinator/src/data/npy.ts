/**
 * Headers of NumPy's array files (.npy, versions 1 to 3: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
 *
 * Responsible for: refusing every file that is not one array of numbers in C order, and saying how its elements become those of a field.
 * Not responsible for: which files make a dataset (`npy-dataset.ts`).
 */
import { type DataType, elementCount, LockstepError } from '@lockstep/shared';
import type { DataFile } from './data-file.ts';
import type { StoredAs } from './file-dataset.ts';

export interface NpyHeader {
  /** Of the whole array; the first dimension counts samples. */
  readonly shape: readonly [number, ...number[]];
  readonly dtype: DataType;
  readonly storedAs: StoredAs | undefined;
  /** Of the first element. */
  readonly offset: number;
}

/** More than any header of plain numbers takes. */
const maximumHeaderBytes = 65_536;

type Get = (view: DataView, offset: number, isLittle: boolean) => number;
interface ElementType {
  readonly bytes: number;
  readonly dtype: DataType;
  readonly get: Get;
  /** The little-endian form is read as it lies. */
  readonly isNative?: true;
}

/** NumPy's kinds and sizes. Wider integers must fit into int32, which is checked as they are read; float64 is rounded to float32. */
const types: Readonly<Record<string, ElementType>> = {
  b1: { bytes: 1, dtype: 'uint8', get: (view, at) => view.getUint8(at), isNative: true },
  u1: { bytes: 1, dtype: 'uint8', get: (view, at) => view.getUint8(at), isNative: true },
  i1: { bytes: 1, dtype: 'int32', get: (view, at) => view.getInt8(at) },
  u2: { bytes: 2, dtype: 'int32', get: (view, at, little) => view.getUint16(at, little) },
  i2: { bytes: 2, dtype: 'int32', get: (view, at, little) => view.getInt16(at, little) },
  u4: { bytes: 4, dtype: 'int32', get: (view, at, little) => view.getUint32(at, little) },
  i4: { bytes: 4, dtype: 'int32', get: (view, at, little) => view.getInt32(at, little), isNative: true },
  u8: { bytes: 8, dtype: 'int32', get: (view, at, little) => Number(view.getBigUint64(at, little)) },
  i8: { bytes: 8, dtype: 'int32', get: (view, at, little) => Number(view.getBigInt64(at, little)) },
  f4: { bytes: 4, dtype: 'float32', get: (view, at, little) => view.getFloat32(at, little), isNative: true },
  f8: { bytes: 8, dtype: 'float32', get: (view, at, little) => view.getFloat64(at, little) },
};

/** Throws `data-invalid`. */
export function readNpyHeader(file: DataFile): NpyHeader {
  const { path, size } = file;
  const start = new Uint8Array(Math.min(size, 12));
  file.read(0, start);
  if (String.fromCharCode(...start.subarray(0, 6)) !== '\x93NUMPY') malformed(path, 'it does not begin as a .npy file does');
  const version = start[6]!;
  if (size < 12 || version < 1 || version > 3) malformed(path, `its format version is ${version ?? 'missing'}; 1 to 3 can be read`);
  const view = new DataView(start.buffer);
  const lengthBytes = version === 1 ? 2 : 4;
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const offset = 8 + lengthBytes + length;
  if (length > maximumHeaderBytes || offset > size) malformed(path, `its header of ${length} bytes does not fit`);
  const text = new Uint8Array(length);
  file.read(8 + lengthBytes, text);
  return checkSize(file, describe(path, Buffer.from(text).toString('utf8')), offset);
}

function checkSize({ path, size }: DataFile, described: Omit<NpyHeader, 'offset'> & { readonly bytes: number }, offset: number): NpyHeader {
  const { bytes, ...header } = described;
  const wanted = elementCount(header.shape) * bytes;
  const found = size - offset;
  if (found === wanted) return { ...header, offset };
  const shape = header.shape.join(' x ');
  return malformed(
    path,
    `its shape ${shape} asks for ${wanted} bytes after the header, found ${found}${found < wanted ? ': it is truncated' : ''}`,
  );
}

/** The header is a Python dictionary; only what NumPy writes for arrays of plain numbers is read. */
function describe(path: string, text: string): Omit<NpyHeader, 'offset'> & { readonly bytes: number } {
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const dimensions = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(text)?.[1];
  if (descr === undefined) return malformed(path, 'its header names no plain type of numbers (structured arrays cannot be used)');
  if (order === undefined || dimensions === undefined) return malformed(path, 'its header does not say shape and order');
  if (order === 'True') return malformed(path, 'it is in Fortran order. Save numpy.ascontiguousarray(x)');
  const shape = dimensions.split(',').flatMap((each) => (each.trim() === '' ? [] : [Number(each)]));
  const [count, ...rest] = shape;
  if (count === undefined) return malformed(path, 'it is a single number, without a first dimension that counts samples');
  if (shape.includes(0)) return malformed(path, `its shape ${shape.join(' x ')} is empty`);
  if (count >= 2 ** 32 || !Number.isSafeInteger(8 * elementCount(shape)))
    return malformed(path, `its shape ${shape.join(' x ')} is larger than any disk`);
  const type = /^[<>|=]/.test(descr) && Object.hasOwn(types, descr.slice(1)) ? types[descr.slice(1)] : undefined;
  if (type === undefined)
    return malformed(path, `its type is '${descr}'; ${Object.keys(types).join(', ')} can be read. Save x.astype('float32') or 'int32'`);
  const isLittle = !descr.startsWith('>');
  const { bytes, dtype, get, isNative } = type;
  const asItLies = isNative === true && (isLittle || bytes === 1);
  return { shape: [count, ...rest], dtype, bytes, storedAs: asItLies ? undefined : { bytes, get: (view, at) => get(view, at, isLittle) } };
}

function malformed(path: string, problem: string): never {
  throw new LockstepError('data-invalid', `${path} cannot be used: ${problem}. Save it again, or point --data elsewhere.`);
}
