/**
 * A run on disk, opened: new or resumed, locked, with its checkpoints.
 *
 * Not responsible for: which run (`origin.ts`), what is in the files (`run-directory.ts`, `checkpoint/`), or training.
 */
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { flagOf, LockstepError, type Log } from '@lockstep/shared';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { type CheckpointStore, openCheckpointStore } from '../checkpoint/store.ts';
import { acquireLock, type Lock } from '../disk/lock.ts';
import type { Options } from '../options/option-table.ts';
import { claimRunDirectory } from './claim-directory.ts';
import { aboutOf, configOf, type Numerics } from './config-file.ts';
import type { Base, Origin } from './origin.ts';
import { checkCheckpoint, checkSources, type Prepared } from './prepare.ts';
import { changedNumerics, changedSources } from './repetition.ts';
import { createRunDirectory, resumeRunDirectory, type RunDirectory } from './run-directory.ts';

export interface OpenRun {
  readonly runId: string;
  readonly directory: RunDirectory;
  readonly store: CheckpointStore;
  /** Where to continue; undefined at the beginning. */
  readonly checkpoint: Checkpoint | undefined;
  /** Call it once everything is bound: until then, `close` removes the directory of a new run again. */
  begun(): void;
  /** Call it once the first worker of a run without a checkpoint is ready: config.json then records what the run is computed with. */
  computesWith(numerics: Numerics): void;
  /** Writes what is waiting, and releases the directory. */
  close(): Promise<void>;
}

/** What a run is opened with. */
interface Opening {
  readonly base: Base | undefined;
  readonly step: number | undefined;
  readonly options: Options;
  readonly prepared: Prepared;
  readonly log: Log;
}

export async function openRun({ resumes, step, base }: Origin, options: Options, prepared: Prepared, log: Log): Promise<OpenRun> {
  const opening = { base, step, options, prepared, log };
  return resumes === undefined ? openNew(opening) : openResumed(resumes, opening);
}

async function openNew(opening: Opening): Promise<OpenRun> {
  const { base, options, prepared, log } = opening;
  if (base !== undefined) for (const sentence of changedSources(base, prepared)) log.warn(sentence);
  const claimed = options.runDir === undefined ? await claimRunDirectory(options.recipe, new Date()) : undefined;
  const path = claimed?.path ?? resolve(options.runDir!);
  const lock = await acquireLock('run-directory', path);
  const runId = `${prepared.recipe.name}-${randomBytes(4).toString('hex')}`;
  const config = configOf(options, prepared, runId, undefined);
  const directory = await createRunDirectory(path, config, { firstMade: claimed?.firstMade, warn: (sentence) => log.warn(sentence) });
  const store = await openCheckpointStore(directory.checkpointsPath, { keep: options.keep });
  return opened({ runId, directory, store, checkpoint: undefined }, lock, opening, false);
}

async function openResumed(path: string, opening: Opening): Promise<OpenRun> {
  const { base, step, options, prepared, log } = opening;
  const about = aboutOf(base!.file);
  checkSources(about, path, prepared);
  const lock = await acquireLock('run-directory', path);
  const store = await openCheckpointStore(join(path, 'checkpoints'), { keep: options.keep });
  const { latest, skipped } = step === undefined ? await store.latest() : { latest: await store.ofStep(step), skipped: [] };
  for (const { reason } of skipped) log.warn(reason);
  if (latest === undefined && skipped.length > 0)
    throw new LockstepError('resume-invalid', `No checkpoint in ${store.directory} can be used: ${skipped[0]!.reason}`);
  if (latest === undefined) log.info(`${path} has no checkpoint yet: starting from the beginning, which gives the same weights.`);
  else checkCheckpoint(latest.checkpoint, latest.path, prepared);
  if (latest !== undefined && step !== undefined)
    for (const name of await store.removeAfter(latest.path)) log.warn(`Went back to step ${step}: checkpoint ${name} is removed.`);
  const checkpoint = latest?.checkpoint;
  const runId = checkpoint?.runId ?? about.runId ?? runIdMissing(base!.path);
  const directory = await resumeRunDirectory(path, checkpoint?.cursor.step ?? 0, (sentence) => log.warn(sentence));
  await directory.writeConfig(configOf(options, prepared, runId, checkpoint ?? about));
  return opened({ runId, directory, store, checkpoint }, lock, opening, true);
}

type Opened = Pick<OpenRun, 'runId' | 'directory' | 'store' | 'checkpoint'>;

function opened(run: Opened, lock: Lock, { base, options, prepared, log }: Opening, isBegun: boolean): OpenRun {
  const { runId, directory } = run;
  let hasBegun = isBegun;
  let noting: Promise<void> | undefined;
  return {
    ...run,
    begun: () => void (hasBegun = true),
    computesWith(numerics) {
      const change = base === undefined ? undefined : changedNumerics(base, options, prepared, numerics);
      if (change !== undefined) log.warn(change);
      noting ??= directory.writeConfig(configOf(options, prepared, runId, numerics)).catch((error: Error) => {
        log.error(`The backend of this run could not be noted in config.json; training continues: ${error.message}`);
      });
    },
    async close() {
      await noting;
      await directory.close();
      if (!hasBegun) await directory.remove();
      await lock.release();
    },
  };
}

function runIdMissing(path: string): never {
  throw new LockstepError('config-invalid', `${path} has no about.runId. Start a new run with ${flagOf('config')} instead.`);
}
