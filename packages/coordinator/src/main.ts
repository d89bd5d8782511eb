/** The `coordinator` program: its commands, its terminal, signals and the exit code. */
import { errorTable, runProgram, stopSignals, version } from '@lockstep/shared';
import { chaos } from './chaos/chaos.ts';
import { coordinate } from './coordinate.ts';
import { drawPictures } from './draw.ts';
import { runCommand } from './options/commands.ts';
import { parseCommandLine } from './options/command-line.ts';
import { resolveOptions } from './options/resolve-options.ts';
import { createConsole } from './reporting/console.ts';
import { createLogFile } from './reporting/log-file.ts';
import { findOrigin } from './run/origin.ts';
import { evaluate } from './sampling/evaluate.ts';
import { sample } from './sampling/sample.ts';
import { watch } from './watch/watch.ts';

const logFile = createLogFile();

async function train(argv: readonly string[], commands: readonly string[]): Promise<number> {
  const commandLine = await parseCommandLine(argv, version, commands);
  const origin = await findOrigin(commandLine);
  const resolved = resolveOptions(commandLine, origin.base);
  const console = createConsole(resolved.logLevel, logFile);
  const signalled = stopSignals(console.log);
  const stop = signalled.then(({ reason }) => reason);
  const coordinated = await coordinate({ commandLine, origin, resolved, logFile, ...console, stop });
  if (coordinated?.summary !== undefined) return 0;
  const { code } = await signalled;
  return code === undefined ? 0 : errorTable[code].exitCode;
}

const commands = {
  train,
  watch,
  chaos,
  sample: (argv: readonly string[]) => sample(argv, drawPictures),
  evaluate: (argv: readonly string[]) => evaluate(argv, drawPictures),
};

// Exits instead of waiting for the event loop to be empty: nothing that is left is worth waiting for.
process.exit(await runProgram('coordinator', () => runCommand(commands, process.argv.slice(2)), logFile.write));
