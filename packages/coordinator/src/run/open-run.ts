/**
 * A run on disk, opened: new or resumed, locked, with its checkpoints.
 *
 * Responsible for: choosing and claiming the run directory, and finding where to go on. Not responsible for: what is in the files
 * (`run-directory.ts`, `checkpoint/`), or training.
 */
import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { flagOf, LockstepError, type Log, version } from '@lockstep/shared';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { type CheckpointStore, openCheckpointStore } from '../checkpoint/store.ts';
import type { CommandLine } from '../options/command-line.ts';
import type { ConfigFile } from '../options/resolve-options.ts';
import { acquireLock, type Lock } from '../disk/lock.ts';
import type { Options } from '../options/option-table.ts';
import { checkCheckpoint, type Prepared } from './prepare.ts';
import { createRunDirectory, readRunConfig, resumeRunDirectory, type RunDirectory } from './run-directory.ts';

export interface OpenRun {
  readonly runId: string;
  readonly directory: RunDirectory;
  readonly store: CheckpointStore;
  /** Where to go on; undefined at the beginning. */
  readonly checkpoint: Checkpoint | undefined;
  /** Call it once everything is bound: until then `close` removes the directory of a new run, as if it had never been made. */
  begun(): void;
  /** Writes what waits, and frees the directory. */
  close(): Promise<void>;
}

/** Options that stand in a file: of --config, or of the run that --resume names. */
export async function readBase(commandLine: CommandLine): Promise<{ path: string; file: ConfigFile } | undefined> {
  if (commandLine.resume) {
    const directory = await resumedDirectory(commandLine);
    return { path: join(directory, 'config.json'), file: objectOf(await readRunConfig(directory), join(directory, 'config.json')) };
  }
  if (commandLine.config === undefined) return undefined;
  const path = commandLine.config;
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new LockstepError('config-invalid', `--config ${path} cannot be read: ${error.message}.`, { cause: error });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new LockstepError('config-invalid', `--config ${path} is not JSON: ${(error as Error).message}.`, { cause: error });
  }
  return { path, file: objectOf(value, path) };
}

function objectOf(value: unknown, path: string): ConfigFile {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new LockstepError('config-invalid', `${path} is not a JSON object of options.`);
}

/** `--run-dir`, or the newest run in runs/. */
async function resumedDirectory(commandLine: CommandLine): Promise<string> {
  const { runDir } = commandLine.typed;
  if (typeof runDir === 'string') return resolve(runDir);
  const runs = await readdir('runs').catch(() => []);
  const dated = await Promise.all(
    runs.map(async (name) => ({ path: resolve('runs', name), time: await timeOf(join('runs', name, 'config.json')) })),
  );
  const newest = dated.filter(({ time }) => time > 0).toSorted((a, b) => b.time - a.time)[0];
  if (newest === undefined) throw new LockstepError('resume-invalid', 'There is no run in runs/ to resume. Name one with --run-dir.');
  return newest.path;
}

async function timeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}

/** `runs/gan-20261123-130501`: says what it is, and sorts by time. */
function newRunDirectory(recipe: string, now: Date): string {
  const stamp = now
    .toISOString()
    .replace(/[-:]|\..*$/g, '')
    .replace('T', '-');
  const name = basename(recipe)
    .replace(/\.[^.]*$/, '')
    .replace(/[^\w.-]/g, '-');
  return resolve('runs', `${name}-${stamp}`);
}

export async function openRun(commandLine: CommandLine, options: Options, prepared: Prepared, log: Log): Promise<OpenRun> {
  const path = commandLine.resume
    ? await resumedDirectory(commandLine)
    : resolve(options.runDir ?? newRunDirectory(options.recipe, new Date()));
  const lock = await acquireLock('run-directory', path);
  if (!commandLine.resume) {
    const runId = `${prepared.recipe.name}-${randomBytes(4).toString('hex')}`;
    const directory = await createRunDirectory(path, configOf(options, prepared, runId));
    const store = await openCheckpointStore(directory.checkpointsPath, { keep: options.keep });
    let hasBegun = false;
    const begun = (): void => void (hasBegun = true);
    return { runId, directory, store, checkpoint: undefined, begun, close: () => close(directory, lock, hasBegun) };
  }
  const store = await openCheckpointStore(join(path, 'checkpoints'), { keep: options.keep });
  const { latest, skipped } = await store.latest();
  for (const { reason } of skipped) log.warn(reason);
  if (latest === undefined && skipped.length > 0)
    throw new LockstepError('resume-invalid', `No checkpoint in ${store.directory} can be used: ${skipped[0]!.reason}`);
  if (latest === undefined) log.info(`${path} has no checkpoint yet: starting from the beginning, which gives the same weights.`);
  else checkCheckpoint(latest.checkpoint, latest.path, prepared);
  const runId = latest?.checkpoint.runId ?? (await runIdOf(path));
  const directory = await resumeRunDirectory(path, latest?.checkpoint.cursor.step ?? 0);
  await directory.writeConfig(configOf(options, prepared, runId));
  return { runId, directory, store, checkpoint: latest?.checkpoint, begun: () => {}, close: () => close(directory, lock, true) };
}

async function close(directory: RunDirectory, lock: Lock, hasBegun: boolean): Promise<void> {
  await directory.close();
  if (!hasBegun) await directory.remove();
  await lock.release();
}

/** What config.json says: every option as it was resolved, so that --config gives the same run, and what it was made with. */
function configOf(options: Options, prepared: Prepared, runId: string): object {
  const { recipe, recipeFile, run, dataset, totalSteps } = prepared;
  const { data, ...rest } = options;
  return {
    ...rest,
    recipe: recipeFile ?? recipe.name,
    ...(data === undefined ? {} : { data: resolve(data) }),
    batchSize: run.batchSize,
    steps: totalSteps,
    epochs: undefined,
    runDir: undefined,
    about: { lockstepVersion: version, runId, recipeHash: run.recipe.hash, datasetSha256: dataset.sha256 },
  };
}

async function runIdOf(path: string): Promise<string> {
  const { about } = objectOf(await readRunConfig(path), path) as { about?: { runId?: unknown } };
  if (typeof about?.runId === 'string') return about.runId;
  throw new LockstepError(
    'config-invalid',
    `${join(path, 'config.json')} has no about.runId. Start a new run with ${flagOf('config')} instead.`,
  );
}
