/** Every option of the worker, each declared once: flag, default, help, check and type. Contradictions: `resolve-options.ts`. */
import {
  address,
  autoBackends,
  backendChoices,
  choice,
  logLevels,
  matching,
  type OptionTable,
  real,
  text,
  type ValuesOf,
  whole,
} from '@lockstep/shared';

export const optionTable = {
  connect: {
    type: 'string',
    default: 'tcp://127.0.0.1:5555',
    describe: 'address of the coordinator: tcp://HOST:PORT or ipc://PATH',
    check: address,
  },
  gpu: {
    type: 'string',
    default: undefined,
    describe: 'index of a visible GPU, or (cuda) the UUID of a GPU or MIG instance; fails if it cannot be used',
    check: matching(
      /^(\d{1,3}|GPU-[0-9a-fA-F-]+|MIG-(GPU-)?[0-9a-fA-F-]+(\/\d+){0,2})$/,
      'the index of a visible GPU, or its UUID (GPU-..., MIG-...)',
    ),
  },
  backend: {
    type: 'string',
    default: 'auto',
    describe: `${backendChoices.join(', ')}; auto tries ${autoBackends.join(', ')}`,
    check: choice(backendChoices),
  },
  recipe: { type: 'string', default: undefined, describe: 'the recipe file, if the recipe of the run is not built in', check: text },
  name: {
    type: 'string',
    default: undefined,
    defaultDescription: 'HOST-PID-DIGITS or HOST-gpuI-DIGITS',
    describe: 'unique name in logs and metrics',
    check: matching(/^[\w.-]{1,64}$/, "up to 64 letters, digits, '.', '_' and '-'"),
  },
  metricsPort: {
    type: 'number',
    default: undefined,
    defaultDescription: 'not served',
    describe: 'HTTP port of /metrics, of this process and its GPUs (0: any free one)',
    check: whole(0, 65535),
  },
  metricsHost: { type: 'string', default: '127.0.0.1', describe: 'HTTP address', check: text },
  reconnectTimeout: {
    type: 'number',
    default: 300,
    describe: 'seconds to look for a coordinator, at the start and after losing it',
    check: real(1, 7 * 24 * 3600),
  },
  logLevel: { type: 'string', default: 'info', describe: logLevels.join(', '), check: choice(logLevels) },
} as const satisfies OptionTable;

export type Options = ValuesOf<typeof optionTable>;
