/**
 * Chooses and loads the backend.
 *
 * Responsible for: the names `--backend` takes, the order `auto` tries them in, and saying what `auto` passed over and why.
 * Not responsible for: how each one loads. A backend's packages are touched only when its turn comes.
 */
import { chooseGpu, DriverError, type Gpu, LockstepError, visibleGpus } from '@lockstep/shared';
import type { Backend } from './backend.ts';
import { loadCuda } from './cuda.ts';
import { loadTensorflow } from './tensorflow.ts';
import { loadWasm } from './wasm.ts';
import { loadWebgpu } from './webgpu.ts';

export const backendNames = ['cuda', 'tensorflow', 'wasm', 'webgpu'] as const;
export const backendChoices = ['auto', ...backendNames] as const;

export type BackendName = (typeof backendNames)[number];
export type BackendChoice = (typeof backendChoices)[number];

export interface Skipped {
  readonly backend: BackendName;
  /** A sentence for a log line. */
  readonly reason: string;
  /** How loudly to say it: a driver that is there and slow may keep a GPU idle. */
  readonly level: 'debug' | 'warn';
}

export interface LoadedBackend {
  readonly backend: Backend;
  /** What `auto` tried before, in order; empty for every other choice. */
  readonly skipped: readonly Skipped[];
}

export interface Loaders {
  readonly findGpus: () => Promise<Gpu[]>;
  readonly cuda: (gpu: Gpu) => Promise<Backend>;
  readonly tensorflow: () => Promise<Backend>;
  readonly wasm: () => Promise<Backend>;
  /** By the adapter's number; undefined: the first GPU. */
  readonly webgpu: (adapter: number | undefined) => Promise<Backend>;
}

const ownLoaders: Loaders = {
  findGpus: () => visibleGpus(process.env),
  cuda: loadCuda,
  tensorflow: loadTensorflow,
  wasm: loadWasm,
  webgpu: loadWebgpu,
};

/**
 * Loads the chosen backend. `gpu` is what `--gpu` names (for webgpu, an index): it is used or loading fails, never replaced by the CPU.
 * Without it, `cuda` and `webgpu` take the first GPU. `auto`: cuda if a GPU is visible and usable, else tensorflow, else wasm. It never
 * takes webgpu, which computes other bits and has not been measured on GPUs: that is for a person to choose.
 * Throws `backend-unavailable` or `gpu-unavailable`.
 */
export async function loadBackend(choice: BackendChoice, gpu: string | undefined, loaders: Loaders = ownLoaders): Promise<LoadedBackend> {
  if (choice === 'auto' && gpu === undefined) return firstThatWorks(loaders);
  return { backend: await loadOne(choice === 'auto' ? 'cuda' : choice, gpu, loaders), skipped: [] };
}

async function loadOne(name: BackendName, gpu: string | undefined, loaders: Loaders): Promise<Backend> {
  if (name === 'cuda') return loaders.cuda(await visibleGpu(loaders, gpu));
  if (name === 'webgpu') return loaders.webgpu(gpu === undefined ? undefined : Number(gpu));
  if (gpu !== undefined) throw new Error(`a GPU was chosen for the CPU backend ${name}`);
  return loaders[name]();
}

async function firstThatWorks(loaders: Loaders): Promise<LoadedBackend> {
  const skipped: Skipped[] = [];
  const gpu = await attempt(() => visibleGpu(loaders, undefined));
  const cuda = gpu instanceof LockstepError ? gpu : await attempt(() => loaders.cuda(gpu));
  if (!(cuda instanceof LockstepError)) return { backend: cuda, skipped };
  const level = cuda instanceof DriverError && cuda.fault === 'slow' ? 'warn' : 'debug';
  skipped.push({ backend: 'cuda', reason: cuda.message, level });
  // Loaded without its GPU: a second TensorFlow in one process would share the first one's symbols.
  const libraryLoaded = gpu !== cuda && cuda.code === 'gpu-unavailable';
  const tensorflow = libraryLoaded ? secondLibrary() : await attempt(loaders.tensorflow);
  if (!(tensorflow instanceof LockstepError)) return { backend: tensorflow, skipped };
  skipped.push({ backend: 'tensorflow', reason: tensorflow.message, level: 'debug' });
  return { backend: await loaders.wasm(), skipped };
}

/** The value, or the error that was meant for a person; others are ours and go on. */
async function attempt<T>(load: () => Promise<T>): Promise<T | LockstepError> {
  try {
    return await load();
  } catch (error) {
    if (error instanceof LockstepError) return error;
    throw error;
  }
}

function secondLibrary(): LockstepError {
  return new LockstepError(
    'backend-unavailable',
    'Backend tensorflow: this process has loaded the TensorFlow for GPUs, and can hold one only.',
  );
}

async function visibleGpu(loaders: Loaders, wanted = '0'): Promise<Gpu> {
  return chooseGpu(await loaders.findGpus(), wanted);
}
