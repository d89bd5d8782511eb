/**
 * Every option of the coordinator, each declared once: flag, default, help, check, type, and whether a resumed run may change it.
 *
 * Not responsible for: contradictions between options (`resolve-options.ts`).
 * config.json holds the same names in camel case, so that a run's file can be passed to --config.
 */
import {
  address,
  backendChoices,
  backendsWhere,
  carrierChoices,
  choice,
  executions,
  interval,
  logLevels,
  matching,
  nonfinitePolicies,
  type OptionSpec,
  type OptionTable,
  real,
  seconds,
  text,
  truth,
  type ValuesOf,
  whole,
} from '@lockstep/shared';

interface CoordinatorOption extends OptionSpec {
  /** A resumed run may change it: it does not affect the numbers. */
  readonly changesOnResume: boolean;
}

/** Where options come from, apart from the command line. */
export const sourceTable = {
  resume: {
    type: 'boolean',
    default: false,
    describe: 'continue from the newest checkpoint of --run-dir (default: the newest run in runs/), or start a run if there is none',
    check: truth,
  },
  step: {
    type: 'number',
    default: undefined,
    describe: 'with --resume: go back to the checkpoint of this step, and remove those after it',
    check: whole(1, 2 ** 31),
  },
  config: { type: 'string', default: undefined, describe: "take options from a run's config.json; flags win", check: text },
} as const satisfies OptionTable;

export const optionTable = {
  workers: {
    type: 'number',
    default: 1,
    describe: 'start when this many workers have joined; a resumed run goes on with fewer 10 s after --min-workers have',
    check: whole(1, 1024),
    changesOnResume: true,
  },
  spawn: {
    type: 'boolean',
    default: false,
    describe: 'start the workers on this machine: one per visible NVIDIA GPU, or one CPU process each',
    check: truth,
    changesOnResume: true,
  },
  minWorkers: {
    type: 'number',
    default: 1,
    describe: 'pause below this many connected workers',
    check: whole(1, 1024),
    changesOnResume: true,
  },
  recipe: {
    type: 'string',
    default: 'gan',
    describe: 'a built-in recipe (gan, gan-seed, dcgan, vae) or the path of a recipe file',
    check: text,
    // A recipe that has moved is the same recipe: the hash decides (`run/prepare.ts`), as it does for the data.
    changesOnResume: true,
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
    describe: 'size of the global batch, for any number of workers',
    check: whole(1, 2 ** 20),
    changesOnResume: false,
  },
  shards: {
    type: 'number',
    default: 4,
    describe: 'slices of the batch; beyond the number of workers they accumulate gradients, and workers beyond them are hot spares',
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
    describe: 'learning rate of every network',
    check: real(1e-12, 1e3),
    changesOnResume: false,
  },
  bind: {
    type: 'string',
    default: 'tcp://127.0.0.1:5555',
    describe: 'where workers connect: tcp://HOST:PORT (port 0: any free one) or ipc://PATH',
    check: address,
    changesOnResume: true,
  },
  metricsPort: {
    type: 'number',
    default: 9464,
    describe: 'HTTP port of the live page, /metrics, /sd, /status, /healthz and /readyz (0: any free one)',
    check: whole(0, 65535),
    changesOnResume: true,
  },
  metricsHost: { type: 'string', default: '127.0.0.1', describe: 'address of the HTTP port', check: text, changesOnResume: true },
  runDir: {
    type: 'string',
    default: undefined,
    defaultDescription: 'a new one in runs/',
    describe: 'run directory',
    check: text,
    changesOnResume: true,
  },
  checkpointEvery: {
    type: 'string',
    default: 500,
    describe: 'steps between checkpoints (0: only at the end), or the time between them: 90s, 5m, 1.5h',
    check: interval(2 ** 31),
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
  tensorboard: {
    type: 'boolean',
    default: false,
    describe: 'also write losses, figures and grids for TensorBoard, into tensorboard/ of the run directory',
    check: truth,
    changesOnResume: true,
  },
  trace: {
    type: 'boolean',
    default: false,
    describe: 'write a timeline of the coordinator and all workers, trace.json, into the run directory',
    check: truth,
    changesOnResume: true,
  },
  data: {
    type: 'string',
    default: undefined,
    defaultDescription: 'MNIST, bundled',
    describe: 'the data set: a directory of IDX, .npy, CIFAR-10 or picture files, a .npy or .npz file, or a module (docs/data.md)',
    check: text,
    changesOnResume: true,
  },
  pictureSize: {
    type: 'string',
    default: undefined,
    defaultDescription: 'that of the pictures, which must all have one',
    describe: 'scale the pictures of a folder to WIDTHxHEIGHT, by averaging areas',
    check: matching(/^[1-9]\d{0,3}x[1-9]\d{0,3}$/, 'WIDTHxHEIGHT, such as 64x64'),
    changesOnResume: false,
  },
  verifyData: {
    type: 'boolean',
    default: false,
    describe: 'compute the SHA-256 of large data again, even if its files seem unchanged since it was computed last',
    check: truth,
    changesOnResume: true,
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
    describe: `how phases run: ${executions.join(', ')} (xla: ${backendsWhere(({ hasXla }) => hasXla)} only); results may differ in their last bits`,
    check: choice(executions),
    changesOnResume: false,
  },
  onNonfinite: {
    type: 'string',
    default: 'stop',
    describe: `what to do about a loss or gradient that is NaN or infinite, the second time too: ${nonfinitePolicies.join(', ')} (leave the round out)`,
    check: choice(nonfinitePolicies),
    changesOnResume: false,
  },
  allowMixedNumerics: {
    type: 'boolean',
    default: false,
    describe: 'let workers join whose results differ in their last bits; gives up equal bits',
    check: truth,
    changesOnResume: false,
  },
  audit: {
    type: 'number',
    default: 0,
    describe: 'share of the shards (0 to 1) that a second worker computes too, and whose answers must be equal before they count',
    check: real(0, 1),
    changesOnResume: true,
  },
  carrier: {
    type: 'string',
    default: 'auto',
    describe: 'how tensors reach workers on this host: auto (shared memory where it works) or inline (in messages)',
    check: choice(carrierChoices),
    changesOnResume: true,
  },
  joinTimeout: {
    type: 'number',
    default: 600,
    describe: 'seconds to wait for missing workers',
    check: seconds,
    changesOnResume: true,
  },
  workerTimeout: {
    type: 'number',
    default: 120,
    describe: 'seconds a worker may take to answer before its shards are reassigned',
    check: seconds,
    changesOnResume: true,
  },
  logLevel: { type: 'string', default: 'info', describe: logLevels.join(', '), check: choice(logLevels), changesOnResume: true },
} as const satisfies Readonly<Record<string, CoordinatorOption>>;

/**
 * A value is undefined if its default is: then the recipe's applies, or what the option says. Of `steps` and `epochs`, at most one is set.
 */
export type Options = ValuesOf<typeof optionTable>;

export const optionNames = Object.keys(optionTable) as (keyof Options)[];
