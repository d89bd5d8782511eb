/**
 * What `nvidia-smi` says of the GPUs that this process may use: how busy, how full, how warm.
 *
 * Responsible for: asking, and reading the answer. Not responsible for: which of them the backend takes (`backends/cuda.ts`).
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

type Environment = Readonly<Record<string, string | undefined>>;

/** A figure that a GPU does not have is undefined. */
export interface GpuReading {
  readonly uuid: string;
  readonly name: string;
  /** From 0 to 1. */
  readonly utilization: number | undefined;
  readonly memoryUsedBytes: number | undefined;
  readonly memorySizeBytes: number | undefined;
  readonly temperatureCelsius: number | undefined;
}

/** A healthy driver answers in well under a second. */
const answerTimeoutMs = 4000;
const longestAnswerBytes = 2 ** 16;
const fields = ['index', 'uuid', 'name', 'utilization.gpu', 'memory.used', 'memory.total', 'temperature.gpu'];
const mebibyte = 2 ** 20;

/** Whether there is any use in asking again. */
export class NoDriver extends Error {}

/** Throws `NoDriver` where there is no nvidia-smi, and another error where it fails or does not answer in time. */
export async function readGpus(environment: Environment, timeoutMs = answerTimeoutMs): Promise<GpuReading[]> {
  const options = { env: { ...environment }, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: longestAnswerBytes } as const;
  const query = [`--query-gpu=${fields.join(',')}`, '--format=csv,noheader,nounits'];
  const { stdout } = await promisify(execFile)('nvidia-smi', query, options).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? new NoDriver('nvidia-smi is not on the PATH', { cause: error }) : error;
  });
  const isVisible = visibility(environment['CUDA_VISIBLE_DEVICES']);
  return stdout.split('\n').flatMap((line) => {
    const [index = '', uuid = '', name = '', ...figures] = line.split(', ').map((cell) => cell.trim());
    if (!isVisible(index, uuid)) return [];
    const [utilization, used, size, temperature] = figures.map(figureOf);
    return {
      uuid,
      name,
      utilization: times(utilization, 0.01),
      memoryUsedBytes: times(used, mebibyte),
      memorySizeBytes: times(size, mebibyte),
      temperatureCelsius: temperature,
    };
  });
}

/** '[N/A]' and the like are no figures. */
function figureOf(cell: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(cell) ? Number(cell) : undefined;
}

function times(figure: number | undefined, factor: number): number | undefined {
  return figure === undefined ? undefined : figure * factor;
}

/** A GPU cut into MIG instances has no figures for one of them: it matches no entry, and is left out. */
function visibility(variable: string | undefined): (index: string, uuid: string) => boolean {
  const entries = variable?.split(',').map((entry) => entry.trim());
  return (index, uuid) =>
    uuid.startsWith('GPU-') && (entries?.some((entry) => entry === index || (entry.startsWith('GPU-') && uuid.startsWith(entry))) ?? true);
}
