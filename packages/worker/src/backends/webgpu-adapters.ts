/**
 * Which WebGPU adapters this machine has, and opening one of them.
 *
 * Responsible for: listing, what `--gpu I` can and cannot tell apart, and never taking a software adapter for a GPU.
 * Not responsible for: loading Dawn, the device, or TF.js (`webgpu.ts`).
 *
 * Dawn for Node has no list of adapters. Asked for one whose name no adapter has, it answers with the names of all (npm webgpu's README
 * documents that as the way to list them); and it chooses by name only: the first adapter whose name contains the wanted text.
 */
import { LockstepError } from '@lockstep/shared';

/** The part of WebGPU's own interfaces that Lockstep calls. */
export interface GpuAdapter {
  readonly info: { readonly description: string; readonly isFallbackAdapter: boolean };
  readonly limits: Readonly<Record<string, number>>;
  requestDevice(descriptor: object): Promise<GpuDevice>;
}

export interface GpuDevice {
  readonly lost: Promise<{ readonly message: string }>;
  addEventListener(type: 'uncapturederror', listener: (event: { readonly error: { readonly message: string } }) => void): void;
  destroy(): void;
}

/** A WebGPU implementation, created for one adapter. */
export interface GpuEntry {
  requestAdapter(options: object): Promise<GpuAdapter | null>;
}

/** npm webgpu's `create`: flags are 'key=value'. */
export type CreateGpu = (flags: readonly string[]) => GpuEntry;

export interface OpenAdapter {
  /** Must be kept for as long as the device is used. */
  readonly entry: GpuEntry;
  readonly adapter: GpuAdapter;
  /** 'AMD Radeon RX 7900 XTX (RADV NAVI31), radv Mesa 25.0 (adapter 0)' */
  readonly device: string;
  /** A sentence for the log, if there is something to know. */
  readonly remark?: string;
}

const fastest = { powerPreference: 'high-performance' } as const;
const nameOfNone = 'no adapter has this name';

/**
 * Opens adapter number `wanted`, in Dawn's order; or, where it is undefined, the first that is a GPU. `allowSoftware` lets an adapter that
 * computes on the CPU pass, for tests. Throws `backend-unavailable` if there is no adapter at all, otherwise `gpu-unavailable`.
 */
export async function openAdapter(create: CreateGpu, wanted: number | undefined, allowSoftware: boolean): Promise<OpenAdapter> {
  const names = await adapterNames(create);
  if (names.length === 0) throw new LockstepError('backend-unavailable', noAdapter());
  if (wanted !== undefined) checkReachable(names, wanted);
  const candidates = wanted === undefined ? [...names.keys()].filter((index) => nameTwin(names, index) === undefined) : [wanted];
  let software: OpenAdapter | undefined;
  for (const index of candidates) {
    const open = await openByName(create, names, index);
    if (!open.adapter.info.isFallbackAdapter) return open;
    software ??= open;
  }
  if (software !== undefined && allowSoftware) return software;
  throw new LockstepError(
    'gpu-unavailable',
    `Backend webgpu: adapter ${describe(names, candidates)} computes on the CPU. Install the GPU's own driver, or use --backend wasm, which is faster there.`,
  );
}

/** Dawn's list, in Dawn's order; empty without a driver. */
export async function adapterNames(create: CreateGpu): Promise<string[]> {
  try {
    await create([`adapter=${nameOfNone}`]).requestAdapter(fastest);
    return [];
  } catch (error) {
    const answer = error instanceof Error ? error.message : String(error);
    const names = [...answer.matchAll(/^ \* backend: '\w+', name: '(.*)'$/gm)].map((match) => match[1]!);
    if (names.length > 0) return names;
    throw new LockstepError('backend-unavailable', `Backend webgpu: Dawn does not list its adapters (${answer.split('\n')[0]}).`, {
      cause: error,
    });
  }
}

/** The adapter that Dawn gives when asked for `index` by its name, if that is another one: an earlier one whose name contains it. */
function nameTwin(names: readonly string[], index: number): number | undefined {
  const first = names.findIndex((name) => name.includes(names[index]!));
  return first === index ? undefined : first;
}

function checkReachable(names: readonly string[], wanted: number): void {
  if (names[wanted] === undefined) {
    const there = describe(names, [...names.keys()]);
    throw new LockstepError('gpu-unavailable', `--gpu ${wanted}: there is no such WebGPU adapter. Available: ${there}.`);
  }
  const twin = nameTwin(names, wanted);
  if (twin === undefined) return;
  throw new LockstepError(
    'gpu-unavailable',
    `--gpu ${wanted}: adapters ${twin} and ${wanted} cannot be told apart, since Dawn chooses by name and '${names[wanted]}' is also ` +
      `the name, or part of the name, of adapter ${twin}. Let this process see only one GPU (docs/webgpu.md says how), and drop --gpu.`,
  );
}

async function openByName(create: CreateGpu, names: readonly string[], index: number): Promise<OpenAdapter> {
  const name = names[index]!;
  const entry = create([`adapter=${name}`]);
  const adapter = await entry.requestAdapter(fastest);
  if (adapter === null) throw new LockstepError('gpu-unavailable', `Backend webgpu: adapter ${index} (${name}) is gone. Start again.`);
  const { description, isFallbackAdapter } = adapter.info;
  const place = `adapter ${index}${isFallbackAdapter ? ', software' : ''}`;
  const device = `${[name, description].filter((part) => part !== '').join(', ')} (${place})`;
  const alike = names.filter((other) => other.includes(name)).length - 1;
  return { entry, adapter, device, ...(alike === 0 ? {} : { remark: alikeRemark(name, index, alike) }) };
}

function alikeRemark(name: string, index: number, alike: number): string {
  return (
    `Uses WebGPU adapter ${index}; ${alike} more ${alike === 1 ? 'is' : 'are'} called '${name}' and cannot be told apart from it: ` +
    'every worker on this machine that sees them all uses this one (docs/webgpu.md).'
  );
}

function describe(names: readonly string[], indices: readonly number[]): string {
  return indices.map((index) => `${index} (${names[index]!})`).join(', ');
}

function noAdapter(): string {
  const cure =
    process.platform === 'linux'
      ? "the Vulkan loader (Debian: apt-get install libvulkan1) and the GPU's Vulkan driver (NVIDIA's own; for AMD and Intel mesa-vulkan-drivers)"
      : "the GPU's driver";
  return `Backend webgpu: Dawn found no GPU. Install ${cure}, or choose --backend wasm.`;
}
