/**
 * The `coordinator` program: its commands. `train` refuses here what can be refused, before anything is bound; then the session runs.
 */
import { backendNames, runProgram, stopSignals, version } from '@lockstep/shared';
import type { Checkpoint } from './checkpoint/checkpoint.ts';
import { runCommand } from './options/commands.ts';
import { parseCommandLine } from './options/command-line.ts';
import { resolveOptions } from './options/resolve-options.ts';
import { findDevices, planLocalWorkers, sharingNote } from './local-workers/plan.ts';
import type { Options } from './options/option-table.ts';
import { prepare } from './run/prepare.ts';
import { openRun, readBase } from './run/open-run.ts';
import { createConsole } from './reporting/console.ts';
import { createLogFile } from './reporting/log-file.ts';
import { runSession } from './session.ts';

const logFile = createLogFile();

async function train(argv: readonly string[], commands: readonly string[]): Promise<number> {
  const commandLine = await parseCommandLine(argv, version, commands);
  const resolved = resolveOptions(commandLine, await readBase(commandLine));
  const console = createConsole(resolved.logLevel, logFile);
  const { log } = console;
  const stop = stopSignals(log);
  const prepared = await prepare(resolved);
  const run = await openRun(commandLine, resolved, prepared, log);
  logFile.openAt(run.directory.logPath);
  let endedWell = false;
  try {
    const options = { ...resolved, backend: backendOf(resolved, run.checkpoint) };
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

/** `auto` is what is best on this machine for a new run, and what the run has for a resumed one: other backends compute other bits. */
function backendOf({ backend }: Options, checkpoint: Checkpoint | undefined): Options['backend'] {
  const before = backendNames.find((name) => name === checkpoint?.backend);
  return backend === 'auto' && before !== undefined ? before : backend;
}

// Exits rather than waiting for the loop to run dry: nothing that is left then is worth waiting for.
process.exit(await runProgram('coordinator', () => runCommand({ train }, process.argv.slice(2)), logFile.write));
