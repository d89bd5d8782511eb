/**
 * The checkpoints of one run on disk: writing them so that a path holds a whole, valid checkpoint or nothing (invariant I5), and keeping
 * only the newest.
 *
 * Only the process that holds the run directory's lock may open a store; readers use `read.ts`.
 * Not responsible for: bytes (`format.ts`), when to write (the core), or what the parts mean.
 */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeDirectory, removeDirectory, sweepTemporaries, writeDirectoryAtomically } from '../disk/files.ts';
import type { Checkpoint } from './checkpoint.ts';
import { encodeCheckpoint, headerFileName } from './format.ts';
import { checkpointName } from './name.ts';
import { checkpointNames, checkpointOfStep, isIntact, latestCheckpoint, looksWhole, readCheckpoint } from './read.ts';
import type { Latest, Skipped } from './read.ts';

export interface Written {
  readonly path: string;
  /** The size of all its files together. */
  readonly bytes: number;
  /** False if the same checkpoint existed already. */
  readonly isNew: boolean;
}

export interface CheckpointStore {
  readonly directory: string;
  /**
   * Resolves when the checkpoint would survive power loss and old ones are removed. The flats must not change meanwhile.
   * Writes run one after another. Throws `disk`; older checkpoints are then as they were and nothing unfinished is left.
   */
  write(checkpoint: Checkpoint): Promise<Written>;
  /** The newest usable checkpoint; each newer, unusable one is in `skipped` with a sentence. */
  latest(): Promise<{ readonly latest: Latest | undefined; readonly skipped: readonly Skipped[] }>;
  /** The newest checkpoint with so many completed steps. Throws `resume-invalid`, with those that there are, if it is missing or not usable. */
  ofStep(step: number): Promise<Latest>;
  /** Removes every newer one, so that this one is the newest. Their names. */
  removeAfter(path: string): Promise<string[]>;
  /** Throws `resume-invalid`. */
  read(path: string): Promise<Checkpoint>;
}

export interface StoreOptions {
  /** Usable checkpoints to keep, at least 1. */
  readonly keep: number;
}

/** Creates the directory where needed and removes what a killed process left unfinished. Throws `disk`. */
export async function openCheckpointStore(directory: string, { keep }: StoreOptions = { keep: 3 }): Promise<CheckpointStore> {
  if (!Number.isInteger(keep) || keep < 1) throw new Error(`keep is ${keep}; it must be an integer of at least 1`);
  await makeDirectory(directory);
  await sweepTemporaries(directory);
  // Written by this process, or checked by it in full: so removing old checkpoints does not read every flat again each time.
  const checked = new Set<string>();
  let previous: Promise<unknown> = Promise.resolve();
  return {
    directory,
    write(checkpoint) {
      const written = previous.then(() => writeAndPrune(directory, keep, checked, checkpoint));
      previous = written.catch(() => {});
      return written;
    },
    latest: () => latestCheckpoint(directory),
    ofStep: (step) => checkpointOfStep(directory, step),
    async removeAfter(path) {
      const names = await checkpointNames(directory);
      const newer = names.slice(0, names.indexOf(basename(path)));
      for (const name of newer) await removeDirectory(join(directory, name));
      return newer;
    },
    read: readCheckpoint,
  };
}

async function writeAndPrune(directory: string, keep: number, checked: Set<string>, checkpoint: Checkpoint): Promise<Written> {
  const name = checkpointName({ step: checkpoint.cursor.step, roundsIntoStep: checkpoint.roundsIntoStep });
  const path = join(directory, name);
  const files = await encodeCheckpoint(checkpoint);
  const isNew = !(await holds(path, files));
  if (isNew) await writeDirectoryAtomically(path, files);
  checked.add(name);
  await prune(directory, keep, checked, name);
  const bytes = [...files.values()].reduce((sum, content) => sum + content.byteLength, 0);
  return { path, bytes, isNew };
}

/** Whether exactly these bytes are on disk already: their header, which has all hashes, and files that match it. */
async function holds(path: string, files: ReadonlyMap<string, Uint8Array>): Promise<boolean> {
  if (!(await looksWhole(path))) return false;
  // If it cannot be read, the checkpoint is written again, and if that fails too, the error is reported then.
  const header = await readFile(join(path, headerFileName)).catch(() => undefined);
  return header?.equals(files.get(headerFileName)!) === true && (await isIntact(path));
}

/** Keeps the newest usable ones and removes everything older, usable or not. The one just written always stays. */
async function prune(directory: string, keep: number, checked: Set<string>, justWritten: string): Promise<void> {
  let kept = 0;
  for (const name of await checkpointNames(directory)) {
    if (name === justWritten) kept += 1;
    else if (kept >= keep) {
      await removeDirectory(join(directory, name));
      checked.delete(name);
    } else if (await isUsable(join(directory, name), name, checked)) kept += 1;
  }
}

async function isUsable(path: string, name: string, checked: Set<string>): Promise<boolean> {
  if (!(await looksWhole(path))) return false;
  if (checked.has(name)) return true;
  const isUnharmed = await isIntact(path);
  if (isUnharmed) checked.add(name);
  return isUnharmed;
}
