/**
 * `train`: a run from within a program. It does what the `coordinator` program does, without the terminal, the signals and the exit code.
 *
 * Responsible for: options as an object, steps and the result in a form for programs, AbortSignal. Not responsible for: the run.
 */
import { checkGiven, defaultsOf, LockstepError, type ValuesOf } from '@lockstep/shared';
import { coordinate } from './coordinate.ts';
import type { CommandLine } from './options/command-line.ts';
import { type Options, optionNames, sourceTable } from './options/option-table.ts';
import { resolveOptions } from './options/resolve-options.ts';
import { createConsole } from './reporting/console.ts';
import { createLogFile } from './reporting/log-file.ts';
import type { ProgressStream } from './reporting/progress.ts';
import { createStepFeed } from './reporting/step-feed.ts';
import type { StepLine } from './reporting/recorder.ts';
import { findOrigin } from './run/origin.ts';
import type { Summary } from './run/summary.ts';

/** The flags of `coordinator --help` in camel case, with the same defaults and checks. */
export interface TrainOptions extends Partial<Options>, Partial<ValuesOf<typeof sourceTable>> {
  /** Stops the run: it writes a checkpoint, ends its workers, and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called with each line of the log. Default: lines are dropped. */
  readonly log?: (line: string) => void;
}

/** What summary.json says, and the run directory that it is in. */
export interface TrainingResult extends Summary {
  readonly directory: string;
}

/**
 * Iterate it for the steps as they complete, in one loop; leaving the loop does not stop the run. For a slow loop the
 * newest 1024 steps are kept and older ones are dropped. The loop ends with the run, and throws what `result` rejects with.
 */
export interface Training extends AsyncIterable<StepLine> {
  /** Rejects with the LockstepError that would give the program its exit code. */
  readonly result: Promise<TrainingResult>;
}

export function train(options: TrainOptions = {}): Training {
  const result: Promise<TrainingResult> = run(options, (line) => steps.push(line));
  const steps = createStepFeed<StepLine>(result);
  return { result, [Symbol.asyncIterator]: () => steps[Symbol.asyncIterator]() };
}

async function run({ signal, log = () => {}, ...options }: TrainOptions, onStep: (line: StepLine) => void): Promise<TrainingResult> {
  signal?.throwIfAborted();
  const commandLine = commandLineOf(options);
  const origin = await findOrigin(commandLine);
  const resolved = resolveOptions(commandLine, origin.base);
  const logFile = createLogFile();
  const console = createConsole(resolved.logLevel, logFile, streamTo(log));
  const { stop, release } = stopOf(signal);
  try {
    const coordinated = await coordinate({ commandLine, origin, resolved, logFile, ...console, stop, onStep });
    if (coordinated?.summary !== undefined) return { ...coordinated.summary, directory: coordinated.directory };
  } finally {
    release();
    logFile.close();
  }
  throw signal!.reason;
}

/** Not a terminal: progress goes to the log from time to time. */
function streamTo(log: (line: string) => void): ProgressStream {
  const ignore = (): void => {};
  return { isTTY: false, write: (line) => log(line.trimEnd()), on: ignore, off: ignore };
}

function commandLineOf({ resume, step, config, ...options }: Omit<TrainOptions, 'signal' | 'log'>): CommandLine {
  const typed = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const unknown = Object.keys(typed).find((name) => !(optionNames as readonly string[]).includes(name));
  if (unknown !== undefined) throw new LockstepError('usage', `train has no option '${unknown}'. It has ${optionNames.join(', ')}.`);
  return { typed, ...defaultsOf(sourceTable), ...checkGiven(sourceTable, { resume, step, config }) };
}

function stopOf(signal: AbortSignal | undefined): { stop: Promise<string>; release: () => void } {
  let release = (): void => {};
  const stop = new Promise<string>((resolve) => {
    const aborted = (): void => resolve('the program aborted it');
    signal?.addEventListener('abort', aborted);
    release = () => signal?.removeEventListener('abort', aborted);
    if (signal?.aborted === true) aborted();
  });
  return { stop, release };
}
