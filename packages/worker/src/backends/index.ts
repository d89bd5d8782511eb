/**
 * Chooses and loads the backend.
 *
 * Responsible for: the names `--backend` takes, the order `auto` tries them in, and saying what `auto` passed over and why.
 * Not responsible for: how each one loads. A backend's packages are touched only when its turn comes.
 */
import { chooseGpu, type Gpu, LockstepError, visibleGpus } from '@lockstep/shared';
import type { Backend } from './backend.ts';
import { loadCuda } from './cuda.ts';
import { loadTensorflow } from './tensorflow.ts';
import { loadWasm } from './wasm.ts';

export const backendNames = ['cuda', 'tensorflow', 'wasm'] as const;
export const backendChoices = ['auto', ...backendNames] as const;

export type BackendName = (typeof backendNames)[number];
export type BackendChoice = (typeof backendChoices)[number];

export interface Skipped {
  readonly backend: BackendName;
  /** A sentence for a log line. */
  readonly reason: string;
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
}

const ownLoaders: Loaders = {
  findGpus: () => visibleGpus(process.env),
  cuda: loadCuda,
  tensorflow: loadTensorflow,
  wasm: loadWasm,
};

/**
 * Loads the chosen backend. `gpu` is the one that `--gpu` names: it is used or loading fails, never replaced by the CPU.
 * Without it, `cuda` takes the first visible GPU. `auto`: cuda if a GPU is visible and usable, else tensorflow, else wasm.
 * Throws `backend-unavailable` or `gpu-unavailable`.
 */
export async function loadBackend(choice: BackendChoice, gpu: Gpu | undefined, loaders: Loaders = ownLoaders): Promise<LoadedBackend> {
  if (gpu !== undefined && (choice === 'tensorflow' || choice === 'wasm'))
    throw new Error(`a GPU was chosen for the CPU backend ${choice}`);
  if (choice === 'auto' && gpu === undefined) return firstThatWorks(loaders);
  if (choice === 'auto' || choice === 'cuda') return { backend: await loaders.cuda(gpu ?? (await firstGpu(loaders))), skipped: [] };
  return { backend: await loaders[choice](), skipped: [] };
}

async function firstThatWorks(loaders: Loaders): Promise<LoadedBackend> {
  const skipped: Skipped[] = [];
  const gpu = await attempt(() => firstGpu(loaders));
  const cuda = gpu instanceof LockstepError ? gpu : await attempt(() => loaders.cuda(gpu));
  if (!(cuda instanceof LockstepError)) return { backend: cuda, skipped };
  skipped.push({ backend: 'cuda', reason: cuda.message });
  // Loaded without its GPU: a second TensorFlow in one process would share the first one's symbols.
  const libraryLoaded = gpu !== cuda && cuda.code === 'gpu-unavailable';
  const tensorflow = libraryLoaded ? secondLibrary() : await attempt(loaders.tensorflow);
  if (!(tensorflow instanceof LockstepError)) return { backend: tensorflow, skipped };
  skipped.push({ backend: 'tensorflow', reason: tensorflow.message });
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

async function firstGpu(loaders: Loaders): Promise<Gpu> {
  return chooseGpu(await loaders.findGpus(), '0');
}
