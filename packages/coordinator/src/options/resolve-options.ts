/**
 * From a command line to one read-only set of options: defaults, then a config file or the resumed run's, then flags.
 *
 * Responsible for: precedence, contradictions between options, and what a resumed run may change.
 * Not responsible for: single values (`option-table.ts`), or the run directory's files (`run-directory.ts`), which are passed in as text.
 */
import { isIP } from 'node:net';
import { backendsWhere, backendTable, flagOf, LockstepError } from '@lockstep/shared';
import type { CommandLine } from './command-line.ts';
import { withPresentNames } from './former-names.ts';
import { type Options, optionNames, optionTable } from './option-table.ts';

/** Options as a file holds them. `about` says what the run was made with (`run/config-file.ts`). */
export type ConfigFile = { readonly [K in keyof Options]?: unknown } & { readonly about?: unknown };

export function resolveOptions(commandLine: CommandLine, base: { path: string; file: ConfigFile } | undefined): Options {
  if (commandLine.resume && commandLine.config !== undefined) {
    throw new LockstepError('usage', '--resume contradicts --config: a resumed run has its own config.json. Drop one of them.');
  }
  if (commandLine.step !== undefined && !commandLine.resume) {
    throw new LockstepError('usage', '--step says where a resumed run goes back to: add --resume, or use --steps for the length of a run.');
  }
  const fromFile = base === undefined ? {} : checkFile(base.path, base.file);
  const typed = Object.fromEntries(
    Object.entries(commandLine.typed).map(([name, value]) => [name, check(name as keyof Options, flagOf(name), value)]),
  );
  if (typed['steps'] !== undefined && typed['epochs'] !== undefined) {
    throw new LockstepError('usage', '--steps contradicts --epochs: both set the length of the run. Drop one of them.');
  }
  if (commandLine.resume && base !== undefined) refuseChanges(typed, fromFile);
  // A length that was typed replaces the file's, whichever of --steps and --epochs either of them used.
  const length = typed['steps'] ?? typed['epochs'];
  const kept = length === undefined ? fromFile : { ...fromFile, steps: undefined, epochs: undefined };
  const options = { ...defaults, ...kept, ...typed } as Options;
  checkTogether(options, commandLine);
  return Object.freeze(options);
}

const defaults = Object.fromEntries(optionNames.map((name) => [name, optionTable[name].default]));

/** The options of a file alone. They may not be enough for a run: a command line can complete or correct them. */
export function fileOptions({ path, file }: { path: string; file: ConfigFile }): Options {
  return { ...defaults, ...checkFile(path, file) } as Options;
}

function check(name: keyof Options, label: string, value: unknown): unknown {
  return optionTable[name].check(label, value);
}

/** Values of a config file, checked like flags; a key that is not an option is an error. */
function checkFile(path: string, file: ConfigFile): Partial<Record<keyof Options, unknown>> {
  const values: Partial<Record<keyof Options, unknown>> = {};
  for (const [name, value] of Object.entries(withPresentNames(file))) {
    if (name === 'about' || name === 'runDir') continue;
    if (!Object.hasOwn(optionTable, name))
      throw new LockstepError('config-invalid', `${path}: '${name}' is not an option of this version of Lockstep.`);
    try {
      values[name as keyof Options] = check(name as keyof Options, `'${name}'`, value);
    } catch (error) {
      throw new LockstepError('config-invalid', `${path}: ${(error as Error).message}`, { cause: error });
    }
  }
  return values;
}

function refuseChanges(typed: Record<string, unknown>, run: Partial<Record<keyof Options, unknown>>): void {
  for (const name of optionNames) {
    const was = run[name] ?? optionTable[name].default;
    if (optionTable[name].changesOnResume || typed[name] === undefined || typed[name] === was) continue;
    const value = was === undefined ? 'the default' : JSON.stringify(was);
    throw new LockstepError(
      'resume-invalid',
      `${flagOf(name)} cannot change when a run is resumed: the run has ${value}. Drop the flag, or start a new run.`,
    );
  }
}

function checkTogether(options: Options, commandLine: CommandLine): void {
  if (options.minWorkers > options.workers) {
    throw new LockstepError(
      'usage',
      `--min-workers ${options.minWorkers} is more than --workers ${options.workers}: the run could never start.`,
    );
  }
  if (options.audit > 0 && options.workers < 2) {
    throw new LockstepError('usage', '--audit needs a second worker to compare with: raise --workers, or drop --audit.');
  }
  if (options.audit > 0 && options.allowMixedNumerics) {
    throw new LockstepError('usage', '--audit contradicts --allow-mixed-numerics: where answers may differ, nothing can be compared.');
  }
  if (options.execution === 'xla' && options.spawn && options.backend !== 'auto' && !backendTable[options.backend].hasXla) {
    throw new LockstepError(
      'usage',
      `--execution xla contradicts --backend ${options.backend}, which has no XLA: use --backend ${backendsWhere(({ hasXla }) => hasXla)}, or drop --execution.`,
    );
  }
  if (commandLine.typed.backend !== undefined && !options.spawn) {
    throw new LockstepError('usage', '--backend says what spawned workers use: add --spawn, or give --backend to each worker instead.');
  }
}

/** Checks what depends on the recipe's defaults as well. */
export function checkBatch(batchSize: number, shards: number): void {
  if (shards > batchSize) {
    throw new LockstepError(
      'usage',
      `--shards ${shards} is more than --batch-size ${batchSize}: every shard needs a sample. Lower --shards or raise --batch-size.`,
    );
  }
}

/** Whether an endpoint can be reached from other hosts: such a run has no authentication yet, and must say so. */
export function leavesHost(endpoint: string): boolean {
  const host = /^tcp:\/\/\[?([^\]]*?)\]?:\d+$/.exec(endpoint)?.[1];
  if (host === undefined || host === 'localhost' || host === '::1') return false;
  return !(isIP(host) === 4 && host.startsWith('127.'));
}
