/**
 * Which CUDA GPUs this process may use, and how to make exactly one of them visible. A MIG instance, a slice of a GPU with a UUID of its
 * own, counts as a GPU here: a process can use only one at a time, just as it uses one GPU.
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
  /** 'GPU-' and a UUID; of a MIG instance 'MIG-' and a UUID, from drivers before 470 'MIG-GPU-', the UUID of its GPU, and two numbers. */
  readonly uuid: string;
  readonly name: string;
}

/** Why the GPUs cannot be listed: a missing driver is the ordinary case, while a slow or broken one may leave a GPU idle. */
export class DriverError extends LockstepError {
  readonly fault: 'missing' | 'slow' | 'broken';

  constructor(fault: DriverError['fault'], sentence: string, options?: ErrorOptions) {
    super('gpu-unavailable', sentence, options);
    this.fault = fault;
  }
}

/** As nvidia-smi lists it: a GPU, and the MIG instances it is cut into. */
interface InstalledGpu extends Gpu {
  readonly instances: Omit<Gpu, 'index'>[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A healthy driver answers in well under a second; a hung one must not hang the worker. */
const answerTimeoutMs = 10_000;
const longestAnswerBytes = 2 ** 20;

/** Hides every GPU from a process. */
export const noGpuEnvironment = { CUDA_VISIBLE_DEVICES: '-1' } as const;

/**
 * The GPUs that `environment` (PATH, CUDA_VISIBLE_DEVICES) lets a process see, in CUDA's order; possibly none.
 * Throws DriverError when nvidia-smi is missing, fails, does not answer in time or answers nonsense.
 */
export async function visibleGpus(environment: Environment, timeoutMs = answerTimeoutMs): Promise<Gpu[]> {
  const entries = environment['CUDA_VISIBLE_DEVICES']?.split(',').map((entry) => entry.trim());
  // Every GPU is hidden: there is no need to ask the driver.
  if (entries?.[0] === '' || entries?.[0] === noGpuEnvironment.CUDA_VISIBLE_DEVICES) return [];
  const installed = parseGpus(await askDriver(environment, timeoutMs));
  const visible = entries === undefined ? installed.flatMap(devicesOf) : selectVisible(installed, entries);
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
    return (await promisify(execFile)('nvidia-smi', ['-L'], options)).stdout;
  } catch (error) {
    const { fault, what } = whyNoAnswer(error, timeoutMs);
    const sentence = `${what}. Install or repair NVIDIA's driver, or use the CPU: --backend wasm, without --gpu.`;
    throw new DriverError(fault, sentence, { cause: error });
  }
}

function whyNoAnswer(error: unknown, timeoutMs: number): { fault: DriverError['fault']; what: string } {
  const { code, killed, stdout, stderr } = error as { code?: unknown; killed?: boolean; stdout?: string; stderr?: string };
  if (code === 'ENOENT') return { fault: 'missing', what: 'No NVIDIA GPU can be used: nvidia-smi is not on the PATH' };
  if (killed === true) return { fault: 'slow', what: `nvidia-smi did not answer within ${timeoutMs / 1000} seconds` };
  // It prints its own errors on stdout.
  const said = `${stdout ?? ''}\n${stderr ?? ''}`.trim().split('\n')[0] ?? '';
  return { fault: 'broken', what: `nvidia-smi failed${said === '' ? '' : ` ('${said.slice(0, 200)}')`}` };
}

/** Lines of `nvidia-smi -L`, in PCI bus order: 'GPU 0: NAME (UUID: GPU-...)', each followed by its '  MIG 1g.10gb Device 0: (UUID: MIG-...)'. */
function parseGpus(answer: string): InstalledGpu[] {
  const gpus: InstalledGpu[] = [];
  for (const line of answer.split('\n').filter((each) => each.trim() !== '')) {
    const [, index, name, uuid] = /^GPU (\d+): (.+) \(UUID: (GPU-[0-9a-f-]+)\)\s*$/i.exec(line) ?? [];
    const [, profile, instance] = /^\s+MIG (.+?)\s+Device\s+\d+: \(UUID: (MIG-[0-9a-z/-]+)\)\s*$/i.exec(line) ?? [];
    const parent = gpus.at(-1);
    if (uuid !== undefined) gpus.push({ index: Number(index), uuid, name: name!, instances: [] });
    else if (instance !== undefined && parent !== undefined)
      parent.instances.push({ uuid: instance, name: `${parent.name} MIG ${profile}` });
    else throw new DriverError('broken', `nvidia-smi -L answered '${line.slice(0, 200)}' where a GPU was expected: check the driver.`);
  }
  return gpus;
}

/** The parts of it that a process can use: a GPU that is cut into instances cannot be used whole. */
function devicesOf(gpu: InstalledGpu): readonly Omit<Gpu, 'index'>[] {
  return gpu.instances.length === 0 ? [gpu] : gpu.instances;
}

/**
 * CUDA's rule: entries in order up to the first that names nothing, or something named already. Of several MIG instances CUDA would show a
 * process only the first; here they are what may be used, one for each process.
 */
function selectVisible(installed: readonly InstalledGpu[], entries: readonly string[]): Omit<Gpu, 'index'>[] {
  const selected: Omit<Gpu, 'index'>[] = [];
  for (const entry of entries) {
    const devices = devicesNamed(installed, entry);
    if (devices.length === 0 || devices.some((device) => selected.includes(device))) break;
    selected.push(...devices);
  }
  return selected;
}

/** None if the entry is the beginning of several UUIDs. */
function devicesNamed(installed: readonly InstalledGpu[], entry: string): readonly Omit<Gpu, 'index'>[] {
  const gpus = /^\d+$/.test(entry) ? installed.filter(({ index }) => index === Number(entry)) : withUuid(installed, entry);
  if (gpus.length === 1) return devicesOf(gpus[0]!);
  const instances = withUuid(
    installed.flatMap((gpu) => gpu.instances),
    entry,
  );
  return instances.length === 1 ? instances : [];
}

function withUuid<T extends Pick<Gpu, 'uuid'>>(gpus: readonly T[], beginning: string): T[] {
  if (!/^(GPU|MIG)-/.test(beginning)) return [];
  return gpus.filter(({ uuid }) => uuid.toLowerCase().startsWith(beginning.toLowerCase()));
}
