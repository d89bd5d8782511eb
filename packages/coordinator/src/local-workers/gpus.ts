/**
 * Which GPUs the spawned workers get, one each.
 *
 * Responsible for: what `auto` chooses on this machine, and saying once why it takes the CPU although there are GPUs. Not responsible for:
 * how GPUs are listed (`shared/gpus.ts`) or cuda is tried (`backend-check.ts`).
 */
import { DriverError, type Gpu, type Log, runsOn, visibleGpus } from '@lockstep/shared';
import type { Options } from '../options/option-table.ts';
import { whyNot } from './backend-check.ts';

type Sharing = Pick<Options, 'backend' | 'workers'>;

const levels = { missing: 'debug', broken: 'info', slow: 'warn' } as const;

/** For a backend on NVIDIA GPUs: all of them, or an error. For `auto`: the same if cuda works and every worker gets one. Otherwise none. */
export async function gpusForWorkers(
  { backend, workers }: Sharing,
  environment: NodeJS.ProcessEnv,
  log: Log,
  check: (backend: 'cuda', environment: NodeJS.ProcessEnv) => Promise<string | undefined> = whyNot,
): Promise<readonly Gpu[]> {
  if (backend !== 'auto') return runsOn(backend, 'nvidia-gpu') ? visibleGpus(environment) : [];
  const gpus = await gpusIfListed(environment, log);
  if (gpus.length === 0) return [];
  const reasons = [tooFew(gpus.length, workers), await check('cuda', environment)].filter((reason) => reason !== undefined);
  if (reasons.length === 0) return gpus;
  log.info(`Workers run on the CPU: ${reasons.join(' ')}`);
  return [];
}

async function gpusIfListed(environment: NodeJS.ProcessEnv, log: Log): Promise<readonly Gpu[]> {
  try {
    return await visibleGpus(environment);
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    log[levels[error.fault]](`Workers run on the CPU: ${error.message}`);
    return [];
  }
}

function tooFew(gpus: number, workers: number): string | undefined {
  if (gpus >= workers) return undefined;
  const [there, them] = gpus === 1 ? ['is 1 GPU', 'it'] : [`are ${gpus} GPUs`, 'them'];
  return `there ${there} for ${workers} workers (--workers ${gpus} would use ${them}).`;
}
