/** From flags to one frozen, checked configuration. Everything wrong with a flag is said here, before anything starts. */
import { endpoint, LockstepError, numberWithin, oneOf } from '@lockstep/shared';
import type { Flags } from './command-line.ts';
import { backendChoices, type BackendChoice } from '../backends/index.ts';

export interface WorkerConfig {
  readonly endpoint: string;
  readonly backend: BackendChoice;
  /** Index among the visible GPUs or WebGPU adapters, or (cuda) UUID. */
  readonly gpu?: string;
  readonly recipeFile?: string;
  readonly name?: string;
  readonly reconnectTimeoutMs: number;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

export function resolveConfig(flags: Flags): WorkerConfig {
  const backend = oneOf('--backend', flags.backend, backendChoices);
  if (flags.gpu !== undefined) checkGpu(flags.gpu, backend);
  if (flags.name !== undefined && !/^[\w.-]{1,64}$/.test(flags.name)) {
    throw new LockstepError('usage', `--name takes up to 64 letters, digits, '.', '_' and '-', not '${flags.name}'.`);
  }
  return Object.freeze({
    endpoint: endpoint('--connect', flags.connect),
    backend,
    ...(flags.gpu === undefined ? {} : { gpu: flags.gpu }),
    ...(flags.recipe === undefined ? {} : { recipeFile: flags.recipe }),
    ...(flags.name === undefined ? {} : { name: flags.name }),
    reconnectTimeoutMs:
      1000 * numberWithin('--reconnect-timeout', flags.reconnectTimeout, { minimum: 1, maximum: 604_800, integer: false }),
    logLevel: oneOf('--log-level', flags.logLevel, ['debug', 'info', 'warn', 'error']),
  });
}

function checkGpu(gpu: string, backend: BackendChoice): void {
  if (!/^(\d{1,3}|GPU-[0-9a-fA-F-]+|MIG-(GPU-)?[0-9a-fA-F-]+(\/\d+){0,2})$/.test(gpu)) {
    throw new LockstepError('usage', `--gpu takes the index of a visible GPU, or its UUID (GPU-..., MIG-...), not '${gpu}'.`);
  }
  if (backend === 'webgpu' && !/^\d+$/.test(gpu)) {
    throw new LockstepError('usage', `--gpu ${gpu}: WebGPU has no UUIDs. Give --backend webgpu the index of an adapter.`);
  }
  if (backend === 'wasm' || backend === 'tensorflow') {
    throw new LockstepError(
      'usage',
      `--gpu ${gpu} contradicts --backend ${backend}, which runs on the CPU. Drop one of them, or use --backend cuda or webgpu.`,
    );
  }
}
