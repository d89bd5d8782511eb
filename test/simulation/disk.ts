/**
 * A run directory that outlives its coordinators, on a disk that can be slow or fail: the interfaces of `run/` and `checkpoint/`, with
 * checkpoints in their real bytes.
 */
import { LockstepError } from '@lockstep/shared';
import type { Checkpoint } from '../../packages/coordinator/src/checkpoint/checkpoint.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../packages/coordinator/src/checkpoint/format.ts';
import { decodeHeader, headerFileName } from '../../packages/coordinator/src/checkpoint/header.ts';
import { checkpointName, comparePositions, parseCheckpointName } from '../../packages/coordinator/src/checkpoint/name.ts';
import type { CheckpointStore } from '../../packages/coordinator/src/checkpoint/store.ts';
import type { RunDirectory } from '../../packages/coordinator/src/run/run-directory.ts';
import { type Process, sleep } from './clock.ts';
import type { Random } from './random.ts';
import type { Trace } from './trace.ts';

export interface Disk {
  /** What would be there after a crash. */
  readonly losses: string[];
  readonly checkpoints: Map<string, ReadonlyMap<string, Uint8Array>>;
  readonly grids: Set<number>;
  term: number;
  /** Each access takes at most this long. */
  delayMs: number;
  /** What each access fails with. */
  failure: 'ENOSPC' | 'EIO' | undefined;
}

export const usualDiskMs = 5;
/** As `--keep`. */
const keptCheckpoints = 2;

export function createDisk(): Disk {
  return { losses: [], checkpoints: new Map(), grids: new Set(), term: 0, delayMs: usualDiskMs, failure: undefined };
}

/** The disk as one process uses it: what it does is done at some moment between asking and answer, or never if the process dies. */
export interface MountedDisk {
  readonly disk: Disk;
  access<T>(what: string, work: () => T): Promise<T>;
}

export function mount(disk: Disk, process: Process, random: Random, trace: Trace): MountedDisk {
  return {
    disk,
    async access(what, work) {
      await sleep(process.clock, random.below(disk.delayMs + 1));
      if (disk.failure !== undefined) {
        trace.note(`disk: ${what} fails with ${disk.failure}`);
        throw new LockstepError('disk', `Cannot write ${what}: ${disk.failure}.`);
      }
      const result = work();
      trace.note(`disk: ${what}`);
      await sleep(process.clock, random.below(disk.delayMs + 1));
      return result;
    },
  };
}

/** Keeps the lines of steps 1 to `completedSteps`, as `cutLosses` does: none of them may be missing. */
export async function openDirectory(
  { disk, access }: MountedDisk,
  completedSteps: number,
  recorded: (event: string) => void,
): Promise<RunDirectory> {
  await access('losses.jsonl', () => {
    if (disk.losses.length < completedSteps)
      throw new Error(`losses.jsonl ends after step ${disk.losses.length}, the checkpoint is of step ${completedSteps}`);
    disk.losses.length = completedSteps;
  });
  let waiting: string[] = [];
  let lastStep = completedSteps;
  const drain = (): Promise<void> =>
    access('losses.jsonl', () => {
      disk.losses.push(...waiting);
      waiting = [];
    });
  const done = async (): Promise<void> => {};
  return {
    path: '/run',
    checkpointsPath: '/run/checkpoints',
    modelPath: '/run/model',
    logPath: '/run/log',
    appendLoss(line) {
      if (line.step !== lastStep + 1) throw new Error(`losses of step ${line.step} after those of step ${lastStep}`);
      lastStep = line.step;
      waiting.push(JSON.stringify(line));
      // Handed to the operating system at once; what fails is tried again by `flush`.
      void drain().catch(() => {});
    },
    appendEvent: ({ event }) => recorded(event),
    recordStart: () => access('events.jsonl', () => (disk.term += 1)),
    flush: drain,
    writeConfig: done,
    writeGrid: (step) =>
      access(`grid of step ${step}`, () => {
        disk.grids.add(step);
        return `/run/grids/${step}`;
      }),
    writeSummary: done,
    close: done,
    remove: done,
  };
}

export function openStore({ disk, access }: MountedDisk): CheckpointStore {
  let previous: Promise<unknown> = Promise.resolve();
  const write = async (checkpoint: Checkpoint): Promise<{ path: string; bytes: number; isNew: boolean }> => {
    const { step } = checkpoint.cursor;
    const name = checkpointName({ step, roundsIntoStep: checkpoint.roundsIntoStep });
    // Hashes of the flats as they are now, bytes as they are when they are written: nobody may change them in between.
    const files = await encodeCheckpoint(checkpoint);
    await access(`checkpoint ${name}`, () => {
      disk.checkpoints.set(name, new Map([...files].map(([file, bytes]) => [file, new Uint8Array(bytes)])));
      for (const old of newestFirst(disk).slice(keptCheckpoints)) if (old !== name) disk.checkpoints.delete(old);
    });
    return { path: name, bytes: 0, isNew: true };
  };
  return {
    directory: '/run/checkpoints',
    write(checkpoint) {
      const written = previous.then(() => write(checkpoint));
      previous = written.catch(() => {});
      return written;
    },
    latest: () => access('checkpoints', () => ({ latest: latestOf(disk), skipped: [] })),
    ofStep: neverUsed,
    removeAfter: neverUsed,
    read: neverUsed,
  };
}

async function neverUsed(): Promise<never> {
  throw new Error('only the newest checkpoint is read here');
}

/** Throws if a checkpoint is not whole: on this disk none can be torn. */
export function readCheckpoint(disk: Disk, name: string): Checkpoint {
  // Copies: what is read is the reader's.
  const files = new Map([...disk.checkpoints.get(name)!].map(([file, bytes]) => [file, bytes.slice()]));
  return decodeCheckpoint(decodeHeader(files.get(headerFileName)!, name), files, name);
}

/** The round at which a resume would go on. */
export function newestRound(disk: Disk): number | undefined {
  return latestOf(disk)?.checkpoint.cursor.round;
}

function latestOf(disk: Disk): { path: string; checkpoint: Checkpoint } | undefined {
  const [name] = newestFirst(disk);
  return name === undefined ? undefined : { path: name, checkpoint: readCheckpoint(disk, name) };
}

function newestFirst(disk: Disk): string[] {
  return [...disk.checkpoints.keys()].toSorted((a, b) => comparePositions(parseCheckpointName(b)!, parseCheckpointName(a)!));
}
