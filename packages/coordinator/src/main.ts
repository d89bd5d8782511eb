/**
 * The `coordinator` program: its commands. `train` refuses here what can be refused, before anything is bound; then the session runs.
 */
import { runProgram, stopSignals, version } from '@lockstep/shared';
import { runCommand } from './options/commands.ts';
import { parseCommandLine } from './options/command-line.ts';
import { resolveOptions } from './options/resolve-options.ts';
import { chooseBackend } from './local-workers/choose-backend.ts';
import { findDevices, planLocalWorkers, sharingNote } from './local-workers/plan.ts';
import { aboutOf } from './run/config-file.ts';
import { finishRun } from './run/finish.ts';
import { isComplete, prepare } from './run/prepare.ts';
import { openRun } from './run/open-run.ts';
import { findOrigin } from './run/origin.ts';
import { createConsole } from './reporting/console.ts';
import { createLogFile } from './reporting/log-file.ts';
import { runSession } from './session.ts';

const logFile = createLogFile();

async function train(argv: readonly string[], commands: readonly string[]): Promise<number> {
  const commandLine = await parseCommandLine(argv, version, commands);
  const origin = await findOrigin(commandLine);
  const resolved = resolveOptions(commandLine, origin.base);
  const console = createConsole(resolved.logLevel, logFile);
  const { log } = console;
  const stop = stopSignals(log);
  if (commandLine.resume && origin.resumes === undefined)
    log.info(`${resolved.runDir ?? 'The directory runs/'} holds no run yet: starting a new one.`);
  const prepared = await prepare(resolved);
  const run = await openRun(origin, resolved, prepared, log);
  logFile.openAt(run.directory.logPath);
  let endedWell = false;
  try {
    if (run.checkpoint !== undefined && isComplete(run.checkpoint, prepared)) {
      await finishRun(run.directory, run.checkpoint, prepared, log);
      endedWell = true;
      return 0;
    }
    const known = { checkpoint: run.checkpoint?.backend, config: origin.base && aboutOf(origin.base.file).backend };
    const options = { ...resolved, backend: await chooseBackend(resolved, known, (sentence) => log.info(sentence)) };
    const devices = options.spawn ? await findDevices(options, process.env, log) : { gpus: [], cores: [] };
    if (options.spawn) planLocalWorkers({ ...options, endpoint: options.bind, recipeFile: prepared.recipeFile }, devices);
    const note = options.spawn ? sharingNote(options) : undefined;
    if (note !== undefined) log.warn(note);
    await runSession({ options, prepared, run, devices, ...console, stop });
    endedWell = true;
  } finally {
    // What ended the run is told before what then could not be written.
    await run.close().catch((error: unknown) => {
      if (endedWell) throw error;
    });
  }
  return 0;
}

// Exits rather than waiting for the loop to run dry: nothing that is left then is worth waiting for.
process.exit(await runProgram('coordinator', () => runCommand({ train }, process.argv.slice(2)), logFile.write));
