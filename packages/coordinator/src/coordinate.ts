/**
 * One run from its options to its end, for the program (`main.ts`) and for `train`. Everything that can be refused is refused here, before
 * anything is bound; then the session runs.
 */
import { chooseBackend } from './local-workers/choose-backend.ts';
import { findDevices, planLocalWorkers, sharingNote } from './local-workers/plan.ts';
import type { CommandLine } from './options/command-line.ts';
import type { Options } from './options/option-table.ts';
import type { LogFile } from './reporting/log-file.ts';
import { aboutOf } from './run/config-file.ts';
import { finishRun } from './run/finish.ts';
import { openRun, type OpenRun } from './run/open-run.ts';
import type { Origin } from './run/origin.ts';
import { isComplete, prepare, type Prepared } from './run/prepare.ts';
import type { Summary } from './run/summary.ts';
import { runSession, type SessionOptions } from './session.ts';

export interface Coordination extends Pick<SessionOptions, 'log' | 'startProgress' | 'stop' | 'onStep'> {
  readonly commandLine: CommandLine;
  readonly origin: Origin;
  /** The options that result from both. */
  readonly resolved: Options;
  /** Opened in the run directory, as soon as there is one. */
  readonly logFile: LogFile;
}

export interface Coordinated {
  readonly directory: string;
  /** Undefined where the run was stopped. */
  readonly summary: Summary | undefined;
}

/** Resolves with undefined if the run was stopped before it began. */
export async function coordinate(coordination: Coordination): Promise<Coordinated | undefined> {
  const { commandLine, origin, resolved, log } = coordination;
  if (commandLine.resume && origin.resumes === undefined)
    log.info(`${resolved.runDir ?? 'The directory runs/'} holds no run yet: starting a new one.`);
  const preparing = prepare(resolved, (sentence) => log.info(sentence));
  // Large data may be read for minutes.
  const prepared = await Promise.race([preparing, coordination.stop.then(() => undefined)]);
  if (prepared === undefined) {
    void preparing.then(({ dataset }) => dataset.close()).catch(() => {});
    return undefined;
  }
  try {
    return await trainIn(coordination, prepared);
  } finally {
    await prepared.dataset.close();
  }
}

async function trainIn(coordination: Coordination, prepared: Prepared): Promise<Coordinated> {
  const { origin, resolved, logFile, log } = coordination;
  const run = await openRun(origin, resolved, prepared, log);
  logFile.openAt(run.directory.logPath);
  let endedWell = false;
  try {
    const summary = await trainOrFinish(coordination, prepared, run);
    endedWell = true;
    return { directory: run.directory.path, summary };
  } finally {
    // The error that ended the run is thrown, rather than one from closing its files.
    await run.close().catch((error: unknown) => {
      if (endedWell) throw error;
    });
  }
}

async function trainOrFinish(coordination: Coordination, prepared: Prepared, run: OpenRun): Promise<Summary | undefined> {
  const { origin, resolved, log } = coordination;
  if (run.checkpoint !== undefined && isComplete(run.checkpoint, prepared)) return finishRun(run.directory, run.checkpoint, prepared, log);
  const known = { checkpoint: run.checkpoint?.backend, config: origin.base && aboutOf(origin.base.file).backend };
  const options = { ...resolved, backend: await chooseBackend(resolved, known, (sentence) => log.info(sentence)) };
  const devices = options.spawn ? await findDevices(options, process.env, log) : { gpus: [], cores: [] };
  if (options.spawn) planLocalWorkers({ ...options, endpoint: options.bind, recipeFile: prepared.recipeFile }, devices);
  const note = options.spawn ? sharingNote(options) : undefined;
  if (note !== undefined) log.warn(note);
  const { startProgress, stop, onStep } = coordination;
  return runSession({ options, prepared, run, devices, log, startProgress, stop, onStep });
}
