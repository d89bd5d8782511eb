/**
 * The run directory `runs/<name>/`: what a run leaves for people and for its own resume.
 *
 * Responsible for: config.json, losses.jsonl, events.jsonl, grids/, summary.json, and the coordinator's terms. Not responsible for:
 * checkpoints/ (`checkpoint/store.ts`), model/ (`model-export.ts`), coordinator.log (`reporting/log-file.ts`), the lock that its user must
 * hold (`disk/lock.ts`).
 */
import { mkdir, readFile, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LockstepError } from '@lockstep/shared';
import { stepName } from '../checkpoint/name.ts';
import { checkpointNames } from '../checkpoint/read.ts';
import { makeDirectory, onDisk, sweepTemporaries, systemErrorCode, writeFileAtomically } from '../disk/files.ts';
import { eventLine, lastTerm } from './events-file.ts';
import type { RunEvent } from './events-file.ts';
import { type LineFile, openLineFile } from '../disk/line-file.ts';
import { cutLosses } from './losses-file.ts';
import type { LossLine } from './losses-file.ts';
import type { Summary } from './summary.ts';

export interface RunDirectory {
  readonly path: string;
  /** For `openCheckpointStore`. */
  readonly checkpointsPath: string;
  /** For `createLogFile`. */
  readonly logPath: string;
  /** For `exportNetwork`: one directory for each network goes here. */
  readonly modelPath: string;
  /** Adds the line of the next step; on disk after `flush`, which also reports a disk that fails. */
  appendLoss(line: LossLine): void;
  /** Adds a line with the time; handed to the operating system at once. Overlong strings and lists are shortened. */
  appendEvent(event: RunEvent): void;
  /** Adds `coordinator-started` with the next term, and resolves with it when it would survive power loss. Call it before binding. */
  recordStart(fields: Readonly<Record<string, unknown>>): Promise<number>;
  /** Resolves when losses and events so far would survive power loss. Call it before each checkpoint: a resume needs every line up to it. */
  flush(): Promise<void>;
  writeConfig(config: object): Promise<void>;
  /** Writes `grids/step-000500.png` and resolves with its path. */
  writeGrid(step: number, png: Uint8Array): Promise<string>;
  writeSummary(summary: Summary): Promise<void>;
  /** Writes what is waiting, and closes the files. */
  close(): Promise<void>;
  /** After `close`, for a new run that never began: removes what `createRunDirectory` made, and nothing else. Never throws. */
  remove(): Promise<void>;
}

export interface RunDirectoryOptions {
  /** The time for events.jsonl. */
  readonly now?: () => Date;
  /** Told of lines that were dropped while the disk failed. */
  readonly warn?: (sentence: string) => void;
  /** The outermost directory that was made for this run already, to be removed with it. */
  readonly firstMade?: string | undefined;
}

const configName = 'config.json';
const lossesName = 'losses.jsonl';
const eventsName = 'events.jsonl';
const summaryName = 'summary.json';
const logName = 'coordinator.log';
const folders = ['grids', 'checkpoints', 'model'];
const maximumConfigBytes = 1024 * 1024;

/** Makes the directory of a new run. Throws `run-exists` if it holds a run already, or `disk`. */
export async function createRunDirectory(path: string, config: object, options: RunDirectoryOptions = {}): Promise<RunDirectory> {
  if (await holdsRun(path)) {
    throw new LockstepError('run-exists', `${path} holds a run already. Add --resume to continue it, or choose another --run-dir.`);
  }
  const firstMade = options.firstMade ?? (await onDisk(path, () => mkdir(path, { recursive: true })));
  await makeDirectories(path);
  await writeJson(join(path, configName), config);
  return { ...(await openRunDirectory(path, 0, options)), remove: () => removeUnused(path, firstMade) };
}

/**
 * Continues a run from a checkpoint of `completedSteps`: losses.jsonl then ends with that step, and leftovers of a killed process are gone.
 * `warn` is called if losses are missing, too. Throws `disk`.
 */
export async function resumeRunDirectory(
  path: string,
  completedSteps: number,
  warn: (sentence: string) => void,
  options: RunDirectoryOptions = {},
): Promise<RunDirectory> {
  await makeDirectories(path);
  for (const directory of [path, join(path, 'grids'), join(path, 'model')]) await sweepTemporaries(directory);
  const missing = await cutLosses(join(path, lossesName), completedSteps);
  if (missing !== undefined) warn(missing);
  return await openRunDirectory(path, completedSteps, { ...options, warn });
}

/** What config.json holds, unchecked. Throws `resume-invalid` if it is missing, `config-invalid` if it cannot be read as JSON. */
export async function readRunConfig(path: string): Promise<unknown> {
  const file = join(path, configName);
  const found = await sizeIfThere(file);
  if (found === undefined) {
    throw new LockstepError(
      'resume-invalid',
      `${path} holds a part of a run, but no ${configName}: restore that file, or choose another --run-dir.`,
    );
  }
  if (found > maximumConfigBytes) throw new LockstepError('config-invalid', `${file} has ${found} bytes: it is no config of a run.`);
  const text = await onDisk(file, () => readFile(file, 'utf8'));
  try {
    return JSON.parse(text);
  } catch {
    throw new LockstepError('config-invalid', `${file} is not valid JSON. Restore a good copy, or choose another --run-dir.`);
  }
}

/** What summary.json holds, unchecked; undefined if it is missing or cannot be read as JSON. */
export async function readSummary(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(path, summaryName), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Whether a directory holds anything of a run. A directory with other files only, or none, does not. */
export async function holdsRun(path: string): Promise<boolean> {
  for (const name of [configName, lossesName, eventsName, summaryName]) {
    if ((await sizeIfThere(join(path, name))) !== undefined) return true;
  }
  return (await checkpointNames(join(path, 'checkpoints'))).length > 0;
}

async function openRunDirectory(
  path: string,
  completedSteps: number,
  { now = () => new Date(), warn = () => {} }: RunDirectoryOptions,
): Promise<RunDirectory> {
  const eventsPath = join(path, eventsName);
  const open = (file: string): Promise<LineFile> =>
    openLineFile(join(path, file), {
      bufferBytes: 0,
      dropped(lines) {
        warn(`${lines} lines of ${join(path, file)} are lost: the disk failed for too long.`);
        appendEvent({ event: 'lines-lost', file, lines });
      },
    });
  const losses = await open(lossesName);
  const events = await open(eventsName);
  const appendEvent = (event: RunEvent): void => events.append(eventLine(event, now()));
  let lastStep = completedSteps;
  let term = await lastTerm(eventsPath);
  return {
    path,
    checkpointsPath: join(path, 'checkpoints'),
    logPath: join(path, logName),
    modelPath: join(path, 'model'),
    appendLoss(line) {
      if (line.step !== lastStep + 1) throw new Error(`losses of step ${line.step} after those of step ${lastStep}`);
      losses.append(JSON.stringify(line));
      lastStep = line.step;
    },
    appendEvent,
    async recordStart(fields) {
      term += 1;
      events.append(eventLine({ event: 'coordinator-started', term, ...fields }, now()));
      await events.flush();
      return term;
    },
    async flush() {
      await losses.flush();
      await events.flush();
    },
    writeConfig: (config) => writeJson(join(path, configName), config),
    async writeGrid(step, png) {
      const file = join(path, 'grids', `${stepName(step)}.png`);
      await writeFileAtomically(file, png);
      return file;
    },
    writeSummary: (summary) => writeJson(join(path, summaryName), summary),
    async close() {
      try {
        await losses.close();
      } finally {
        await events.close();
      }
    },
    remove: async () => {},
  };
}

async function makeDirectories(path: string): Promise<void> {
  for (const name of folders) await makeDirectory(join(path, name));
}

/**
 * Removes directories only if they are empty, from the inside out up to the first that was made (`runs/`): other runs may use them by now.
 */
async function removeUnused(path: string, firstMade: string | undefined): Promise<void> {
  // config.json is written first and removed last: a directory without it is not a run that --resume could continue.
  for (const name of [lossesName, eventsName, logName, configName]) await rm(join(path, name), { force: true }).catch(() => {});
  for (const name of folders) await rmdir(join(path, name)).catch(() => {});
  if (firstMade === undefined) return;
  for (let directory = path; directory.length >= firstMade.length; directory = dirname(directory)) await rmdir(directory).catch(() => {});
}

async function writeJson(path: string, value: object): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

async function sizeIfThere(path: string): Promise<number | undefined> {
  return await onDisk(path, async () => {
    try {
      return (await stat(path)).size;
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  });
}
