/**
 * Every option of the coordinator in one table: flag, default, help, check, and whether a resumed run may change it.
 *
 * Responsible for: single values. Not responsible for: contradictions between options (`config.ts`), yargs (`cli.ts`).
 * config.json holds the same names in camel case, so that a run's file can be given back with --config.
 */
import { endpoint, type Execution, executions, LockstepError, numberWithin, oneOf } from '@lockstep/shared';

export const backendChoices = ['auto', 'cuda', 'tensorflow', 'wasm', 'webgpu'] as const;
export const carrierChoices = ['auto', 'inline'] as const;
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;

export interface Options {
  readonly workers: number;
  readonly spawn: boolean;
  readonly minWorkers: number;
  readonly recipe: string;
  /** Undefined where `epochs` decides. */
  readonly steps: number | undefined;
  /** Undefined where `steps` decides; the recipe's default where neither is given. */
  readonly epochs: number | undefined;
  /** Undefined: the recipe's default. */
  readonly batchSize: number | undefined;
  readonly shards: number;
  readonly seed: number;
  /** Undefined: the recipe's, per network. */
  readonly learningRate: number | undefined;
  readonly bind: string;
  readonly metricsPort: number;
  readonly metricsHost: string;
  /** Undefined: a new directory under runs/. */
  readonly runDir: string | undefined;
  readonly checkpointEvery: number;
  readonly keep: number;
  readonly gridEvery: number;
  /** Undefined: the MNIST that comes with Lockstep. */
  readonly data: string | undefined;
  readonly backend: (typeof backendChoices)[number];
  readonly execution: Execution;
  readonly allowMixedNumerics: boolean;
  readonly carrier: (typeof carrierChoices)[number];
  readonly joinTimeout: number;
  readonly workerTimeout: number;
  readonly logLevel: (typeof logLevels)[number];
}

export interface OptionSpec {
  readonly type: 'number' | 'string' | 'boolean';
  readonly describe: string;
  readonly default: string | number | boolean | undefined;
  /** Shown by --help where the default is not a plain value. */
  readonly defaultDescription?: string;
  /** Returns the value, or throws a sentence that names the flag. */
  readonly check: (flag: string, value: unknown) => unknown;
  /** May differ from the run's when it is resumed: it does not touch the numbers. */
  readonly changesOnResume: boolean;
}

const whole =
  (minimum: number, maximum: number) =>
  (flag: string, value: unknown): number =>
    numberWithin(flag, value, { minimum, maximum });
const real =
  (minimum: number, maximum: number) =>
  (flag: string, value: unknown): number =>
    numberWithin(flag, value, { minimum, maximum, integer: false });
const choice =
  <T extends string>(choices: readonly T[]) =>
  (flag: string, value: unknown): T =>
    oneOf(flag, String(value), choices);

const text = (flag: string, value: unknown): string => {
  if (typeof value === 'string' && value.length > 0) return value;
  throw new LockstepError('usage', `${flag} takes a value.`);
};

const truth = (flag: string, value: unknown): boolean => {
  if (typeof value === 'boolean') return value;
  throw new LockstepError(
    'usage',
    `${flag} is on or off: give it without a value (in a config file: true or false), not '${String(value)}'.`,
  );
};

const maximumSeconds = 7 * 24 * 3600;

export const optionTable: { readonly [K in keyof Options]: OptionSpec } = {
  workers: { type: 'number', default: 1, describe: 'start when this many workers are here', check: whole(1, 1024), changesOnResume: true },
  spawn: {
    type: 'boolean',
    default: false,
    describe: 'start that many local workers: one per visible NVIDIA GPU, else one CPU process each',
    check: truth,
    changesOnResume: true,
  },
  minWorkers: {
    type: 'number',
    default: 1,
    describe: 'pause while fewer healthy workers are here',
    check: whole(1, 1024),
    changesOnResume: true,
  },
  recipe: {
    type: 'string',
    default: 'gan',
    describe: 'a built-in recipe (gan, gan-seed) or the path of a recipe file',
    check: text,
    changesOnResume: false,
  },
  steps: { type: 'number', default: undefined, describe: 'total steps of the run', check: whole(1, 2 ** 31), changesOnResume: true },
  epochs: {
    type: 'number',
    default: undefined,
    defaultDescription: "the recipe's",
    describe: 'total epochs, instead of --steps',
    check: real(1e-6, 1e6),
    changesOnResume: true,
  },
  batchSize: {
    type: 'number',
    default: undefined,
    defaultDescription: "the recipe's",
    describe: 'global batch, whatever the number of workers',
    check: whole(1, 2 ** 20),
    changesOnResume: false,
  },
  shards: {
    type: 'number',
    default: 4,
    describe: 'slices of the batch; workers beyond it are hot spares',
    check: whole(1, 1024),
    changesOnResume: false,
  },
  seed: {
    type: 'number',
    default: 1,
    describe: 'the same seed gives the same weights, bit for bit',
    check: whole(0, Number.MAX_SAFE_INTEGER),
    changesOnResume: false,
  },
  learningRate: {
    type: 'number',
    default: undefined,
    defaultDescription: "the recipe's",
    describe: 'for every network',
    check: real(1e-12, 1e3),
    changesOnResume: false,
  },
  bind: {
    type: 'string',
    default: 'tcp://127.0.0.1:5555',
    describe: 'where workers connect: tcp://HOST:PORT (port 0: any free one) or ipc://PATH',
    check: (flag, value) => endpoint(flag, text(flag, value)),
    changesOnResume: true,
  },
  metricsPort: {
    type: 'number',
    default: 9464,
    describe: 'HTTP port of /metrics, /status, /healthz and /readyz (0: any free one)',
    check: whole(0, 65535),
    changesOnResume: true,
  },
  metricsHost: { type: 'string', default: '127.0.0.1', describe: 'HTTP address', check: text, changesOnResume: true },
  runDir: {
    type: 'string',
    default: undefined,
    defaultDescription: 'a new one in runs/',
    describe: 'run directory',
    check: text,
    changesOnResume: true,
  },
  checkpointEvery: {
    type: 'number',
    default: 500,
    describe: 'steps between checkpoints (0: only at the end)',
    check: whole(0, 2 ** 31),
    changesOnResume: true,
  },
  keep: { type: 'number', default: 3, describe: 'checkpoints to keep', check: whole(1, 1e6), changesOnResume: true },
  gridEvery: {
    type: 'number',
    default: 250,
    describe: 'steps between grids of pictures (0: only at the end)',
    check: whole(0, 2 ** 31),
    changesOnResume: true,
  },
  data: {
    type: 'string',
    default: undefined,
    defaultDescription: 'MNIST, which comes along',
    describe: 'directory of an IDX data set (plain or .gz)',
    check: text,
    changesOnResume: false,
  },
  backend: {
    type: 'string',
    default: 'auto',
    describe: `backend of spawned workers: ${backendChoices.join(', ')}`,
    check: choice(backendChoices),
    changesOnResume: true,
  },
  execution: {
    type: 'string',
    default: 'graph',
    describe: `how phases run: ${executions.join(', ')} (xla: tensorflow and cuda only); results may differ in their last bits`,
    check: choice(executions),
    changesOnResume: false,
  },
  allowMixedNumerics: {
    type: 'boolean',
    default: false,
    describe: 'let workers join that compute other bits; gives up equal bits',
    check: truth,
    changesOnResume: false,
  },
  carrier: {
    type: 'string',
    default: 'auto',
    describe: 'tensors of workers on this host: auto (shared memory where it works) or inline (in messages)',
    check: choice(carrierChoices),
    changesOnResume: true,
  },
  joinTimeout: {
    type: 'number',
    default: 600,
    describe: 'seconds to wait for workers',
    check: real(0.1, maximumSeconds),
    changesOnResume: true,
  },
  workerTimeout: {
    type: 'number',
    default: 120,
    describe: 'seconds a worker may take for one answer',
    check: real(0.1, maximumSeconds),
    changesOnResume: true,
  },
  logLevel: { type: 'string', default: 'info', describe: logLevels.join(', '), check: choice(logLevels), changesOnResume: true },
};

export const optionNames = Object.keys(optionTable) as (keyof Options)[];

/** `batchSize` -> `--batch-size` */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
