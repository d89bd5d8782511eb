/**
 * Chooses and loads the backend.
 *
 * Responsible for: which module loads each backend of the table, trying them for `auto`, and reporting which backends `auto` skipped, and
 * why. Not responsible for: how each one loads. A backend's packages are touched only when its turn comes.
 */
import {
  autoBackends,
  autoGpuBackend,
  type BackendChoice,
  type BackendName,
  type BackendOn,
  chooseGpu,
  DriverError,
  type Gpu,
  LockstepError,
  runsOn,
  visibleGpus,
} from '@lockstep/shared';
import type { Backend } from './backend.ts';
import { loadCuda } from './cuda.ts';
import { loadTensorflow } from './tensorflow.ts';
import { loadWasm } from './wasm.ts';
import { loadWebgpu } from './webgpu.ts';

export interface Skipped {
  readonly backend: BackendName;
  /** A sentence for a log line. */
  readonly reason: string;
  /** The log level: `warn` for a driver that is slow, since a GPU may stay idle. */
  readonly level: 'debug' | 'warn';
}

export interface LoadedBackend {
  readonly backend: Backend;
  /** What `auto` tried first, in order; empty for every other choice. */
  readonly skipped: readonly Skipped[];
}

export type Loaders = { readonly findGpus: () => Promise<Gpu[]> } & {
  readonly [Name in BackendOn<'cpu'>]: () => Promise<Backend>;
} & {
  readonly [Name in BackendOn<'nvidia-gpu'>]: (gpu: Gpu) => Promise<Backend>;
} & {
  /** Takes the adapter's number; undefined means the first GPU. */
  readonly [Name in BackendOn<'any-gpu'>]: (adapter: number | undefined) => Promise<Backend>;
};

const ownLoaders: Loaders = {
  findGpus: () => visibleGpus(process.env),
  cuda: loadCuda,
  tensorflow: loadTensorflow,
  wasm: loadWasm,
  webgpu: loadWebgpu,
};

/**
 * Loads the chosen backend. `gpu` is what `--gpu` names: it is used or loading fails, never replaced by the CPU. Without it, a backend for
 * GPUs takes the first. `auto` takes the first of its backends that works; with `gpu`, the first that runs on it.
 * Throws `backend-unavailable` or `gpu-unavailable`.
 */
export async function loadBackend(choice: BackendChoice, gpu: string | undefined, loaders: Loaders = ownLoaders): Promise<LoadedBackend> {
  if (choice !== 'auto') return { backend: await loadOne(choice, gpu, loaders), skipped: [] };
  if (gpu === undefined) return firstThatWorks(loaders);
  return { backend: await loadOne(autoGpuBackend, gpu, loaders), skipped: [] };
}

async function loadOne(name: BackendName, gpu: string | undefined, loaders: Loaders): Promise<Backend> {
  if (runsOn(name, 'nvidia-gpu')) return loaders[name](chooseGpu(await loaders.findGpus(), gpu ?? '0'));
  if (runsOn(name, 'any-gpu')) return loaders[name](gpu === undefined ? undefined : Number(gpu));
  if (gpu !== undefined) throw new Error(`a GPU was chosen for the CPU backend ${name}`);
  return loaders[name]();
}

async function firstThatWorks(loaders: Loaders): Promise<LoadedBackend> {
  const skipped: Skipped[] = [];
  let failure: unknown;
  for (const name of autoBackends) {
    try {
      return { backend: await loadOne(name, undefined, loaders), skipped };
    } catch (error) {
      // Any other error is a bug in Lockstep.
      if (!(error instanceof LockstepError)) throw error;
      const level = error instanceof DriverError && error.fault === 'slow' ? 'warn' : 'debug';
      skipped.push({ backend: name, reason: error.message, level });
      failure = error;
    }
  }
  throw failure;
}
