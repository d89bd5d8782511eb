/**
 * A folder of PNG and JPEG files as a dataset: `image`, and `label` if they are in subfolders, each of which is a class. Classes are
 * numbered in the order of the folders' names (by code unit), and samples are in the order of class and file name.
 *
 * Pictures are decoded when they are read, and kept decoded where all of them fit into memory. Alpha and EXIF orientation are ignored.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LockstepError } from '@lockstep/shared';
import { maximumResidentBytes, unreadable as unreadableFile } from './data-file.ts';
import { type Dataset, type Field, fieldBytes } from './dataset.ts';
import { checkIds, checkRoom, noField } from './file-dataset.ts';
import { createDecoder, type DecodePicture, pictureHeader, type PictureHeader, unreadable } from './pictures.ts';
import { resizeInto } from './resize.ts';

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

interface PictureFile {
  /** Below the folder. */
  readonly name: string;
  readonly label: number;
  readonly stamp: string;
}

const isPicture = (name: string): boolean => /\.(png|jpe?g)$/i.test(name);
/** Almost every header ends before. */
const headerBytes = 65_536;

/** Whether a folder holds pictures, or folders that do. */
export async function holdsPictures(directory: string, names: readonly string[]): Promise<boolean> {
  if (names.some(isPicture)) return true;
  for (const name of names) {
    const inside = await readdir(join(directory, name)).catch(() => []);
    if (inside.some(isPicture)) return true;
  }
  return false;
}

/** `size`: what pictures are scaled to; without it all must have one size. Throws `data-invalid`. */
export async function openPictures(directory: string, size: PictureSize | undefined): Promise<Dataset> {
  const { classes, files } = await listPictures(directory);
  const { height, width, isGrey } = commonHeader(directory, files, size);
  const image: Field = { name: 'image', shape: [height, width, isGrey ? 1 : 3], dtype: 'uint8' };
  const label: Field = { name: 'label', shape: [], dtype: 'int32' };
  const fields = classes === undefined ? [image] : [image, label];
  const read = createImageReader(directory, files, image, await createDecoder());
  return {
    source: `pictures in ${directory}${classes === undefined ? '' : ` (${classes.length} classes: ${shortened(classes)})`}`,
    count: files.length,
    fields,
    isResident: false,
    stamp: [directory, image.shape.join(), ...files.map(({ stamp }) => stamp)].join('\n'),
    computeSha256() {
      const hash = createHash('sha256').update(`${image.shape.join()}\n`);
      const out = new Uint8Array(fieldBytes(image));
      files.forEach(({ name }, id) => {
        hash.update(`${name}\n`).update(readWhole(join(directory, name)));
        // An unreadable picture is found now, and not in the middle of training.
        read(id, out);
      });
      return hash.digest('hex');
    },
    read(name, ids, out) {
      const field = fields.find((each) => each.name === name) ?? noField(name);
      checkIds(ids, files.length);
      checkRoom(field, ids, out);
      if (field === label) return new Int32Array(out.buffer, out.byteOffset, ids.length).set(Array.from(ids, (id) => files[id]!.label));
      const bytes = fieldBytes(image);
      ids.forEach((id, row) => read(id, out.subarray(row * bytes, (row + 1) * bytes)));
    },
    close() {},
  };
}

function shortened(classes: readonly string[]): string {
  return classes.length <= 10 ? classes.join(', ') : `${classes.slice(0, 9).join(', ')}, ...`;
}

/** Of subfolders, if there are any, or else of the folder itself. Hidden files are left out; any other that is no picture is refused. */
async function listPictures(directory: string): Promise<{ classes: string[] | undefined; files: PictureFile[] }> {
  const entries = await visible(directory);
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const loose = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  if (folders.length > 0 && loose.length > 0)
    unreadable(join(directory, loose[0]!), `it lies beside folders of pictures, which are classes (${folders[0]})`);
  if (folders.length === 0) return { classes: undefined, files: await filesIn(directory, '', loose, 0) };
  const files: PictureFile[] = [];
  for (const [label, folder] of folders.entries()) {
    const names = (await visible(join(directory, folder))).map(({ name }) => name);
    if (names.length === 0)
      throw new LockstepError('data-invalid', `${join(directory, folder)} is empty: a class without pictures. Remove the folder.`);
    for (const file of await filesIn(directory, `${folder}/`, names, label)) files.push(file);
  }
  return { classes: folders, files };
}

async function visible(directory: string) {
  const entries = await readdir(directory, { withFileTypes: true }).catch((cause: unknown) => unreadableFile(directory, cause));
  return entries.filter(({ name }) => !name.startsWith('.')).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function filesIn(directory: string, folder: string, names: readonly string[], label: number): Promise<PictureFile[]> {
  const files: PictureFile[] = [];
  for (const name of names) {
    const path = join(directory, folder, name);
    if (!isPicture(name)) unreadable(path, 'its name does not end in .png, .jpg or .jpeg');
    const { size, mtimeMs } = await stat(path).catch((cause: unknown) => unreadableFile(path, cause));
    files.push({ name: `${folder}${name}`, label, stamp: `${folder}${name} ${size} ${mtimeMs}` });
  }
  return files;
}

/** What all pictures are read as: grey if every one is. */
function commonHeader(directory: string, files: readonly PictureFile[], size: PictureSize | undefined): PictureHeader {
  let first: PictureHeader | undefined;
  let isGrey = true;
  for (const { name } of files) {
    const header = headerOf(join(directory, name));
    first ??= header;
    isGrey &&= header.isGrey;
    if (size !== undefined || (header.width === first.width && header.height === first.height)) continue;
    throw new LockstepError(
      'data-invalid',
      `${join(directory, name)} has ${header.width} x ${header.height} pixels, but ${join(directory, files[0]!.name)} has ${first.width} x ${first.height}. Give one size with --picture-size WIDTHxHEIGHT, which scales by averaging areas.`,
    );
  }
  return { ...(size ?? first!), isGrey };
}

function headerOf(path: string): PictureHeader {
  return (
    pictureHeader(path, readStart(path)) ?? pictureHeader(path, readWhole(path)) ?? unreadable(path, 'its header is truncated or damaged')
  );
}

function readStart(path: string): Uint8Array {
  try {
    const descriptor = openSync(path, 'r');
    try {
      const start = new Uint8Array(headerBytes);
      return start.subarray(0, readSync(descriptor, start, 0, headerBytes, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    return unreadableFile(path, cause);
  }
}

function readWhole(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    return unreadableFile(path, cause);
  }
}

function createImageReader(
  directory: string,
  files: readonly PictureFile[],
  image: Field,
  decode: DecodePicture,
): (id: number, out: Uint8Array) => void {
  const [height, width, channels] = image.shape as [number, number, number];
  const bytes = fieldBytes(image);
  const isKept = files.length * bytes <= maximumResidentBytes;
  const kept = new Map<number, Uint8Array>();
  return (id, out) => {
    const known = kept.get(id);
    if (known !== undefined) return out.set(known);
    const path = join(directory, files[id]!.name);
    resizeInto(decode(path, readWhole(path)), height, width, channels, out);
    if (isKept) kept.set(id, out.slice());
  };
}
