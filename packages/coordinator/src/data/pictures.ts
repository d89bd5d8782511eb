/**
 * PNG and JPEG files as pixels: the same bits on every machine.
 *
 * JPEG is decoded by MozJPEG in WebAssembly (@jsquash/jpeg, of an exact version), PNG in JavaScript: native decoders differ in bits. What a
 * decoder only warns of, such as a JPEG that ends early, is an error here.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { LockstepError } from '@lockstep/shared';
import { PNG } from 'pngjs';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue and something else: four bytes a pixel. */
  readonly rgba: Uint8Array | Uint8ClampedArray;
}

export interface PictureHeader {
  readonly width: number;
  readonly height: number;
  readonly isGrey: boolean;
}

/** Decodes a whole file. Throws `data-invalid`, naming `path`. */
export type DecodePicture = (path: string, bytes: Uint8Array) => Picture;

/** More pixels than any network reads; a header that asks for more is damaged, or an attack on memory. */
const maximumPixels = 2 ** 26;

interface JpegModule {
  decode(bytes: Uint8Array, preserveOrientation: boolean): { width: number; height: number; data: Uint8ClampedArray } | null;
}

export async function createDecoder(): Promise<DecodePicture> {
  let complaint: string | undefined;
  const jpeg = await loadJpegModule((line) => (complaint ??= line));
  const decode = (bytes: Uint8Array): Picture => {
    if (isPng(bytes)) {
      const { width, height, data } = PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      return { width, height, rgba: data };
    }
    complaint = undefined;
    const decoded = jpeg.decode(bytes, false);
    if (decoded === null || complaint !== undefined) throw new Error(complaint ?? 'it cannot be decoded');
    return { width: decoded.width, height: decoded.height, rgba: decoded.data };
  };
  return (path, bytes) => {
    try {
      return decode(bytes);
    } catch (cause) {
      return unreadable(path, complaint ?? (cause as Error).message, cause);
    }
  };
}

/** Size and colours, from the first bytes of a file. Undefined if the header is longer than `bytes`. Throws `data-invalid`. */
export function pictureHeader(path: string, bytes: Uint8Array): PictureHeader | undefined {
  const header = isPng(bytes) ? pngHeader(bytes) : isJpeg(bytes) ? jpegHeader(bytes) : unreadable(path, 'it is neither PNG nor JPEG');
  if (header === undefined) return undefined;
  const { width, height } = header;
  if (width === 0 || height === 0 || width * height > maximumPixels) unreadable(path, `its header says ${width} x ${height} pixels`);
  return header;
}

function isPng(bytes: Uint8Array): boolean {
  return [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a].every((byte, index) => bytes[index] === byte);
}

function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8;
}

function pngHeader(bytes: Uint8Array): PictureHeader | undefined {
  if (bytes.length < 26) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  // Colour types 0 and 4 are grey, without and with alpha.
  return { width: view.getUint32(16), height: view.getUint32(20), isGrey: (bytes[25]! & 0b11) === 0 };
}

/** Segments up to the frame's header (ITU T.81, B.2.2): FF C0 to FF CF, apart from C4, C8 and CC. */
function jpegHeader(bytes: Uint8Array): PictureHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 10 <= bytes.length;) {
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff) return undefined;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { height: view.getUint16(at + 5), width: view.getUint16(at + 7), isGrey: bytes[at + 9] === 1 };
    at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}

async function loadJpegModule(complain: (line: string) => void): Promise<JpegModule> {
  const wasm = createRequire(import.meta.url).resolve('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm');
  const { default: create } = await import('@jsquash/jpeg/codec/dec/mozjpeg_dec.js');
  return (create as (options: object) => Promise<JpegModule>)({ noInitialRun: true, printErr: complain, wasmBinary: await readFile(wasm) });
}

export function unreadable(path: string, problem: string, cause?: unknown): never {
  throw new LockstepError('data-invalid', `${path} cannot be used: ${problem}. Replace the picture, or take it out of the folder.`, {
    cause,
  });
}
