/**
 * Reads checkpoints and checks them. Changes nothing on disk, so any process may use it during a run.
 *
 * Everything is checked before it is used: names, kinds of file, sizes before reading, hashes, schema.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LockstepError } from '@lockstep/shared';
import { onDisk, systemErrorCode } from '../disk/files.ts';
import type { Checkpoint } from './checkpoint.ts';
import { decodeCheckpoint, wrongLength } from './format.ts';
import { decodeHeader, headerFileName, invalid, maximumHeaderBytes } from './header.ts';
import type { Header } from './header.ts';
import { checkpointName, comparePositions, parseCheckpointName } from './name.ts';

/** A checkpoint that was passed over, and a sentence that says why. */
export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

export interface Latest {
  readonly path: string;
  readonly checkpoint: Checkpoint;
}

/** Reads one checkpoint directory. Throws `resume-invalid` with a sentence that names the bad file. */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const header = await readHeader(path);
  const files = new Map<string, Uint8Array>();
  for (const [name, { length }] of Object.entries(header.files)) {
    files.set(name, await readWhole(join(path, name), (size) => (size === length ? undefined : wrongLength(size, length))));
  }
  return decodeCheckpoint(header, files, path);
}

/** The newest usable checkpoint in a directory of checkpoints, and the newer ones that are not usable. None if there is no directory. */
export async function latestCheckpoint(
  directory: string,
): Promise<{ readonly latest: Latest | undefined; readonly skipped: readonly Skipped[] }> {
  const skipped: Skipped[] = [];
  for (const name of await checkpointNames(directory)) {
    const path = join(directory, name);
    try {
      const checkpoint = await readCheckpoint(path);
      checkName(path, checkpoint);
      return { latest: { path, checkpoint }, skipped };
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      skipped.push({ path, reason: error.message });
    }
  }
  return { latest: undefined, skipped };
}

/** The newest checkpoint with so many completed steps. Throws `resume-invalid`, with those that there are, if it is missing or not usable. */
export async function checkpointOfStep(directory: string, step: number): Promise<Latest> {
  const names = await checkpointNames(directory);
  const name = names.find((each) => parseCheckpointName(each)!.step === step);
  if (name === undefined) {
    const found = names.length === 0 ? 'has no checkpoint' : `has these checkpoints: ${names.toReversed().join(', ')}`;
    throw new LockstepError(
      'resume-invalid',
      `There is no checkpoint of step ${step}: ${directory} ${found}. --keep says how many are kept.`,
    );
  }
  const path = join(directory, name);
  const checkpoint = await readCheckpoint(path);
  checkName(path, checkpoint);
  return { path, checkpoint };
}

/** Whether the header is whole and every file has the right size: the part of the check that does not read flats. */
export async function looksWhole(path: string): Promise<boolean> {
  try {
    const header = await readHeader(path);
    checkName(path, header);
    for (const [name, { length }] of Object.entries(header.files)) {
      if ((await sizeOf(join(path, name))) !== length) return false;
    }
    return true;
  } catch (error) {
    if (error instanceof LockstepError) return false;
    throw error;
  }
}

/** Whether every file has the hash that the header gives: the rest of the check, which takes no memory and lets others have their turn. */
export async function isIntact(path: string): Promise<boolean> {
  try {
    const header = await readHeader(path);
    for (const [name, { sha256 }] of Object.entries(header.files)) {
      const file = join(path, name);
      if ((await reading(file, () => sha256OfFile(file))) !== sha256) return false;
    }
    return true;
  } catch (error) {
    if (error instanceof LockstepError) return false;
    throw error;
  }
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  return hash.digest('hex');
}

/** Names of checkpoints in a directory, usable or not, newest first. */
export async function checkpointNames(directory: string): Promise<string[]> {
  const names = await onDisk(directory, () => readdir(directory).catch((error: unknown) => absent(error, [])));
  return names
    .flatMap((name) => {
      const position = parseCheckpointName(name);
      return position === undefined ? [] : [{ name, position }];
    })
    .toSorted((a, b) => comparePositions(b.position, a.position))
    .map(({ name }) => name);
}

async function readHeader(path: string): Promise<Header> {
  const file = join(path, headerFileName);
  const bytes = await readWhole(file, (size) =>
    size <= maximumHeaderBytes ? undefined : `has ${size} bytes, more than any ${headerFileName} can have`,
  );
  return decodeHeader(bytes, file);
}

/** A directory renamed by hand would lie about which checkpoint is the newest. */
function checkName(path: string, { cursor, roundsIntoStep }: Pick<Checkpoint, 'cursor' | 'roundsIntoStep'>): void {
  const name = checkpointName({ step: cursor.step, roundsIntoStep });
  if (basename(path) !== name) throw invalid(path, `holds ${name}: rename it to that`);
}

/** `judge` is given the size before anything is read, and says what is wrong with it. */
async function readWhole(path: string, judge: (size: number) => string | undefined): Promise<Uint8Array> {
  const size = await sizeOf(path);
  const objection = judge(size);
  if (objection !== undefined) throw invalid(path, objection);
  return await reading(path, async () => {
    const handle = await open(path, 'r');
    try {
      const bytes = Buffer.alloc(size);
      const { bytesRead } = await handle.read(bytes, 0, size, 0);
      return bytes.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  });
}

/** Bytes of a plain file; anything else (a pipe would block for ever) is refused before it is opened. */
async function sizeOf(path: string): Promise<number> {
  const found = await reading(path, () => stat(path));
  if (!found.isFile()) throw invalid(path, 'is not a plain file');
  return found.size;
}

async function reading<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw invalid(path, code === 'ENOENT' || code === 'ENOTDIR' ? 'is missing' : `cannot be read (${code})`);
  }
}

function absent<T>(error: unknown, instead: T): T {
  if (systemErrorCode(error) === 'ENOENT') return instead;
  throw error;
}
