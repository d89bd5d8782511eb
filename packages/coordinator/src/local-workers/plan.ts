/**
 * Which local workers `--spawn` starts, with which arguments: one per NVIDIA GPU, otherwise one CPU process each; with webgpu, all
 * on one GPU, since different GPUs compute different bits, and GPUs of the same name cannot be told apart (docs/webgpu.md).
 *
 * Not responsible for: processes (`processes.ts`), which GPUs there are (`gpus.ts`), which core a CPU process gets (`cpu-affinity.ts`), or
 * how a GPU is made visible (the worker).
 */
import {
  autoGpuBackend,
  type BackendChoice,
  backendTable,
  type BackendTraits,
  describeGpus,
  type Gpu,
  LockstepError,
  type Log,
  noGpuEnvironment,
} from '@lockstep/shared';
import { coresFor } from './cpu-affinity.ts';
import { gpusForWorkers } from './gpus.ts';
import type { Options } from '../options/option-table.ts';

export interface LocalWorker {
  readonly name: string;
  readonly args: readonly string[];
  /** Overrides the coordinator's own environment. */
  readonly environment: NodeJS.ProcessEnv;
  /** The CPU core it is bound to; undefined if the scheduler decides. */
  readonly core: number | undefined;
}

/** The devices that the spawned workers get. */
export interface Devices {
  readonly gpus: readonly Gpu[];
  /** One for each worker, or none. */
  readonly cores: readonly number[];
}

export interface LocalWorkerOptions extends Pick<Options, 'workers' | 'backend' | 'logLevel' | 'metricsHost'> {
  /** Where the coordinator listens, as a local worker reaches it. */
  readonly endpoint: string;
  /** Absolute path, for a recipe that is not built in. */
  readonly recipeFile: string | undefined;
}

export async function findDevices(
  options: Pick<Options, 'backend' | 'workers'>,
  environment: NodeJS.ProcessEnv,
  log: Log,
): Promise<Devices> {
  const gpus = await gpusForWorkers(options, environment, log);
  return { gpus, cores: gpus.length > 0 || deviceOf(options.backend) === 'any-gpu' ? [] : await coresFor(options.workers) };
}

/** Undefined for `auto`, whose backend is not known yet. */
function deviceOf(backend: BackendChoice): BackendTraits['runsOn'] | undefined {
  return backend === 'auto' ? undefined : backendTable[backend].runsOn;
}

/** What a person should know before workers are spawned, if anything. */
export function sharingNote({ workers, backend }: Pick<Options, 'workers' | 'backend'>): string | undefined {
  if (deviceOf(backend) !== 'any-gpu' || workers === 1) return undefined;
  return `All ${workers} local workers share one GPU, which is no faster than --workers 1. For several GPUs, start workers by hand: docs/webgpu.md.`;
}

export function planLocalWorkers(options: LocalWorkerOptions, { gpus, cores }: Devices): LocalWorker[] {
  const { workers, backend, endpoint, recipeFile, logLevel, metricsHost } = options;
  if (gpus.length > 0 && workers > gpus.length) {
    throw new LockstepError(
      'gpu-unavailable',
      `--workers ${workers} asks for more local workers than there are visible GPUs: ${describeGpus(gpus)}. Use --workers ${gpus.length}, or --backend wasm for CPU processes.`,
    );
  }
  const recipe = recipeFile === undefined ? [] : ['--recipe', recipeFile];
  // Where the coordinator's own metrics can be read, theirs can.
  const common = ['--connect', endpoint, '--log-level', logLevel, '--metrics-host', metricsHost, '--metrics-port', '0', ...recipe];
  // Decided here for all of them: if each worker decided by itself, several would take one GPU.
  const environment = backend === 'auto' && gpus.length === 0 ? noGpuEnvironment : {};
  const name = backend === 'auto' ? autoGpuBackend : backend;
  return Array.from({ length: workers }, (_, index) => {
    const device = gpus.length > 0 ? ['--gpu', String(index), '--backend', name] : ['--backend', backend];
    return { name: `local-${index}`, args: [...common, ...device], environment, core: cores[index] };
  });
}

/** A wildcard address can be bound, but not connected to. */
export function reachableLocally(endpoint: string): string {
  return endpoint.replace(/^tcp:\/\/(\*|0\.0\.0\.0)(?=:)/, 'tcp://127.0.0.1').replace(/^tcp:\/\/\[::\](?=:)/, 'tcp://[::1]');
}
