/** A run on disk, read to be used rather than continued: nothing in its directory is changed, and it may still be training. */
import { join, resolve } from 'node:path';
import { LockstepError } from '@lockstep/shared';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { checkpointOfStep, type Latest, latestCheckpoint } from '../checkpoint/read.ts';
import type { Options } from '../options/option-table.ts';
import { resolveOptions } from '../options/resolve-options.ts';
import { findOrigin } from '../run/origin.ts';
import { checkCheckpoint, prepare, type Prepared } from '../run/prepare.ts';

export interface TrainedRun {
  /** The run directory. */
  readonly path: string;
  readonly options: Options;
  readonly prepared: Prepared;
  readonly checkpoint: Checkpoint;
}

/** `runDir`: undefined for the newest run in runs/. `step`: undefined for the newest checkpoint. Throws a sentence for what is missing. */
export async function readTrainedRun(
  runDir: string | undefined,
  step: number | undefined,
  say: (sentence: string) => void,
): Promise<TrainedRun> {
  const commandLine = { typed: runDir === undefined ? {} : { runDir }, resume: true, step, config: undefined };
  const origin = await findOrigin(commandLine);
  if (origin.resumes === undefined)
    throw new LockstepError('usage', `${runDir ?? 'The directory runs/'} holds no run: give the directory of one with --run-dir.`);
  const path = resolve(origin.resumes);
  const options = resolveOptions(commandLine, origin.base);
  const prepared = await prepare(options, say);
  const directory = join(path, 'checkpoints');
  const { checkpoint, path: from } = step === undefined ? await newest(directory) : await checkpointOfStep(directory, step);
  checkCheckpoint(checkpoint, from, prepared);
  return { path, options, prepared, checkpoint };
}

async function newest(directory: string): Promise<Latest> {
  const { latest, skipped } = await latestCheckpoint(directory);
  if (latest !== undefined) return latest;
  const [first] = skipped;
  throw new LockstepError('resume-invalid', first?.reason ?? `${directory} has no checkpoint yet: let the run train until it has one.`);
}
