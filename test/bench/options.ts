/** The command line of `npm run bench`: names of benchmarks, and flags. Every mistake in it is reported before anything is measured. */
import { parseArgs } from 'node:util';
import { LockstepError } from '@lockstep/shared';
import { type CarrierEntry, carriers } from './carriers.ts';

export interface Options {
  /** In the order they run. */
  readonly names: readonly string[];
  readonly help: boolean;
  /** A short run that shows whether everything works. Its figures are rough. */
  readonly quick: boolean;
  /** Times each contestant is measured, in turn with the others. */
  readonly repeats: number;
  /** Undefined: each benchmark's own. */
  readonly workers: readonly number[] | undefined;
  /** Measured training steps. */
  readonly steps: number;
  /** Lockstep's backends to measure: keys of `backendArgs`. */
  readonly backends: readonly BackendChoice[];
  /** Ways for tensors to travel that are measured. */
  readonly carriers: readonly CarrierEntry[];
  /** Interpreter that can import torch. */
  readonly python: string;
  /** Files to write. */
  readonly json: string | undefined;
  readonly markdown: string | undefined;
}

/** What a name of --backends means to the coordinator. */
export const backendArgs = {
  wasm: ['--backend', 'wasm'],
  tensorflow: ['--backend', 'tensorflow'],
  'tensorflow-eager': ['--backend', 'tensorflow', '--execution', 'eager'],
} as const satisfies Readonly<Record<string, readonly string[]>>;
export type BackendChoice = keyof typeof backendArgs;

const maximum = { repeats: 100, workers: 256, steps: 1_000_000 };

/** Throws LockstepError('usage'). `known` are the benchmarks; without names all of them run. */
export function parseOptions(args: readonly string[], known: readonly string[]): Options {
  const { values, positionals } = parse(args);
  const unknown = positionals.find((name) => !known.includes(name));
  if (unknown !== undefined) throw usage(`There is no benchmark '${unknown}'. Benchmarks are ${known.join(', ')}.`);
  const quick = values.quick ?? false;
  return {
    names: positionals.length === 0 ? known : known.filter((name) => positionals.includes(name)),
    help: values.help ?? false,
    quick,
    repeats: whole('--repeats', values.repeats ?? (quick ? '2' : '5'), maximum.repeats),
    workers: values.workers?.split(',').map((each) => whole('--workers', each, maximum.workers)),
    steps: whole('--steps', values.steps ?? (quick ? '40' : '600'), maximum.steps),
    backends: (values.backends ?? 'wasm,tensorflow').split(',').map(backend),
    carriers: values.carriers?.split(',').map(carrier) ?? carriers,
    python: values.python ?? 'python3',
    json: values.json,
    markdown: values.markdown,
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const options = {
    help: flag,
    quick: flag,
    repeats: text,
    workers: text,
    steps: text,
    backends: text,
    carriers: text,
    python: text,
    json: text,
    markdown: text,
  };
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw usage((error as Error).message);
  }
}

function whole(name: string, value: string, most: number): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= 1 && number <= most) return number;
  throw usage(`${name} takes whole numbers from 1 to ${most}, not '${value}'.`);
}

function backend(name: string): BackendChoice {
  if (Object.hasOwn(backendArgs, name)) return name as BackendChoice;
  throw usage(`--backends takes ${Object.keys(backendArgs).join(', ')}, or several with commas, not '${name}'.`);
}

function carrier(name: string): CarrierEntry {
  const found = carriers.find((entry) => entry.name === name);
  if (found !== undefined) return found;
  throw usage(`--carriers takes ${carriers.map((entry) => entry.name).join(', ')}, or several with commas, not '${name}'.`);
}

function usage(sentence: string): LockstepError {
  return new LockstepError('usage', `${sentence} See npm run bench -- --help.`);
}
