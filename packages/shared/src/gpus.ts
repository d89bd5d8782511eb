/**
 * Which CUDA GPUs this process may use, and how to make exactly one of them visible.
 *
 * Responsible for: reading `nvidia-smi`, CUDA's own rules for CUDA_VISIBLE_DEVICES, and the environment that selects one GPU.
 * Not responsible for: loading a library that uses it (`backends/cuda.ts`), which must happen after that environment is set.
 *
 * tfjs-node-gpu takes the last GPU it sees and has no way to choose: so exactly one must be visible. A UUID names a GPU whatever the
 * order of devices; positions are those of `nvidia-smi`, by PCI bus, and CUDA_DEVICE_ORDER=PCI_BUS_ID makes CUDA agree.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { LockstepError } from './errors.ts';

export interface Gpu {
  /** Position among the GPUs visible to this process: what `--gpu` takes. */
  readonly index: number;
  /** 'GPU-' and a UUID. */
  readonly uuid: string;
  readonly name: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A healthy driver answers in well under a second; a hung one must not hang the worker. */
const answerTimeoutMs = 10_000;
const longestAnswerBytes = 2 ** 20;
const query = ['--query-gpu=index,uuid,name', '--format=csv,noheader'];

/**
 * The GPUs that `environment` (PATH, CUDA_VISIBLE_DEVICES) lets a process see, in CUDA's order; possibly none.
 * Throws `gpu-unavailable` when nvidia-smi is missing, fails, does not answer in time or answers nonsense.
 */
export async function visibleGpus(environment: Environment, timeoutMs = answerTimeoutMs): Promise<Gpu[]> {
  const installed = parseGpus(await askDriver(environment, timeoutMs));
  const visible = selectVisible(installed, environment['CUDA_VISIBLE_DEVICES']);
  return visible.map(({ uuid, name }, index) => ({ index, uuid, name }));
}

/** The GPU with this position among `gpus`, or with this UUID (its beginning will do). Throws `gpu-unavailable`, naming what there is. */
export function chooseGpu(gpus: readonly Gpu[], wanted: string): Gpu {
  const matches = /^\d+$/.test(wanted) ? gpus.filter(({ index }) => index === Number(wanted)) : withUuid(gpus, wanted);
  if (matches.length === 1) return matches[0]!;
  const problem = matches.length === 0 ? `there is no visible GPU '${wanted}'` : `'${wanted}' is the beginning of several UUIDs`;
  throw new LockstepError('gpu-unavailable', `--gpu: ${problem}. Visible: ${describeGpus(gpus)}.`);
}

/** What must be in the environment, before any CUDA library loads, for `gpu` to be the only one visible. */
export function gpuEnvironment(gpu: Gpu): { CUDA_VISIBLE_DEVICES: string; CUDA_DEVICE_ORDER: string } {
  return { CUDA_VISIBLE_DEVICES: gpu.uuid, CUDA_DEVICE_ORDER: 'PCI_BUS_ID' };
}

/** '0 (NVIDIA H100, GPU-4f...), 1 (...)', or 'none'. */
export function describeGpus(gpus: readonly Gpu[]): string {
  if (gpus.length === 0) return "none (CUDA_VISIBLE_DEVICES may hide them, 'nvidia-smi -L' lists them all)";
  return gpus.map(({ index, uuid, name }) => `${index} (${name}, ${uuid})`).join(', ');
}

async function askDriver(environment: Environment, timeoutMs: number): Promise<string> {
  try {
    const options = { env: { ...environment }, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: longestAnswerBytes } as const;
    return (await promisify(execFile)('nvidia-smi', query, options)).stdout;
  } catch (error) {
    throw new LockstepError(
      'gpu-unavailable',
      `${whyNoAnswer(error, timeoutMs)}. Install or repair NVIDIA's driver, or use the CPU: --backend wasm, without --gpu.`,
      {
        cause: error,
      },
    );
  }
}

function whyNoAnswer(error: unknown, timeoutMs: number): string {
  const { code, killed, stdout, stderr } = error as { code?: unknown; killed?: boolean; stdout?: string; stderr?: string };
  if (code === 'ENOENT') return 'No NVIDIA GPU can be used: nvidia-smi is not on the PATH';
  if (killed === true) return `nvidia-smi did not answer within ${timeoutMs / 1000} seconds`;
  // It prints its own errors on stdout.
  const said = `${stdout ?? ''}\n${stderr ?? ''}`.trim().split('\n')[0] ?? '';
  return `nvidia-smi failed${said === '' ? '' : ` ('${said.slice(0, 200)}')`}`;
}

/** Lines of 'index, uuid, name', in PCI bus order. */
function parseGpus(answer: string): Gpu[] {
  const lines = answer.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const [, index, uuid, name] = /^\s*(\d+)\s*,\s*(GPU-[0-9a-fA-F-]+)\s*,\s*(.+?)\s*$/.exec(line) ?? [];
    if (index === undefined || uuid === undefined || name === undefined) {
      throw new LockstepError(
        'gpu-unavailable',
        `nvidia-smi answered '${line.slice(0, 200)}' where 'index, uuid, name' was asked for: check the driver.`,
      );
    }
    return { index: Number(index), uuid, name };
  });
}

/** CUDA's rule: entries in order up to the first that names no GPU, or one named already; unset means all. */
function selectVisible(installed: readonly Gpu[], list: string | undefined): Gpu[] {
  if (list === undefined) return [...installed];
  const selected: Gpu[] = [];
  for (const entry of list.split(',')) {
    const [gpu, another] = withEntry(installed, entry.trim());
    if (gpu === undefined || another !== undefined || selected.includes(gpu)) break;
    selected.push(gpu);
  }
  return selected;
}

function withEntry(gpus: readonly Gpu[], entry: string): Gpu[] {
  return /^\d+$/.test(entry) ? gpus.filter(({ index }) => index === Number(entry)) : withUuid(gpus, entry);
}

function withUuid(gpus: readonly Gpu[], beginning: string): Gpu[] {
  if (!beginning.startsWith('GPU-')) return [];
  return gpus.filter(({ uuid }) => uuid.toLowerCase().startsWith(beginning.toLowerCase()));
}
