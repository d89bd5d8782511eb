/**
 * Backend `webgpu`: a GPU of any vendor through npm `webgpu` (Dawn: Vulkan, Metal or Direct3D 12) and @tensorflow/tfjs-backend-webgpu.
 *
 * Responsible for: loading both, the device and its limits, and turning a lost device or an error of the GPU into one sentence.
 * Not responsible for: which adapter (`webgpu-adapters.ts`).
 *
 * WebGPU reports errors apart from the calls that cause them: without the listener below, an allocation that failed would read as zeros.
 * TF.js cannot read synchronously here, since it would need a browser's canvas: a loss that calls `dataSync` is refused.
 */
import { createRequire } from 'node:module';
import { LockstepError, type Tf } from '@lockstep/shared';
import type { Backend, PhaseFunction } from './backend.ts';
import { whyNotLoaded } from './native-library.ts';
import { type CreateGpu, type GpuAdapter, type GpuDevice, type GpuEntry, openAdapter } from './webgpu-adapters.ts';

const dawnPackage = 'webgpu';
const tfjsPackage = '@tensorflow/tfjs-backend-webgpu';
/** Kernels are registered under this name. */
const tfjsName = 'webgpu';
const require = createRequire(import.meta.url);

/** What TF.js itself would request; the defaults are the minimum that WebGPU guarantees everywhere, 128 MiB per tensor. */
const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxComputeWorkgroupSizeX',
  'maxComputeInvocationsPerWorkgroup',
] as const;

/** Dawn ends the process (SIGSEGV or abort) when this object is collected while its device is used, and the device does not hold it. */
const entriesInUse: GpuEntry[] = [];

interface Dawn {
  readonly create: CreateGpu;
  /** Classes and constants that are globals in a browser. */
  readonly globals: object;
}

interface TfjsBackend {
  read(dataId: object): Promise<unknown>;
  readSync(dataId: object): unknown;
}

type WebGpuBackend = new (device: GpuDevice, info: GpuAdapter['info']) => TfjsBackend;

/** `wanted` is the adapter's number, or undefined for the first GPU. Throws `backend-unavailable` or `gpu-unavailable`. */
export async function loadWebgpu(wanted: number | undefined): Promise<Backend> {
  const { create, globals } = await loadPackage<Dawn>(dawnPackage, () => import(dawnPackage) as Promise<Dawn>);
  const allowSoftware = process.env['LOCKSTEP_WEBGPU_SOFTWARE'] === '1';
  const { entry, adapter, device: name, remark } = await openAdapter(create, wanted, allowSoftware);
  entriesInUse.push(entry);
  const device = await openDevice(adapter, name);
  const fault = watch(device, name);
  Object.assign(globalThis, globals);
  const tf = require('@tensorflow/tfjs') as Tf;
  const { WebGPUBackend } = await loadPackage<{ WebGPUBackend: WebGpuBackend }>(tfjsPackage, async () => require(tfjsPackage));
  const backend = withNavigatorGpu(entry, () => new WebGPUBackend(device, adapter.info));
  listenWhenRead(backend, fault);
  // Small tensors stay on the GPU: otherwise TF.js computes some of them in JavaScript, which reads synchronously and gives different bits.
  tf.env().set('WEBGPU_CPU_FORWARD', false);
  if (tf.findBackend(tfjsName) !== null) tf.removeBackend(tfjsName);
  tf.registerBackend(tfjsName, () => backend as unknown as ReturnType<Tf['backend']>);
  if (!(await tf.setBackend(tfjsName))) throw new LockstepError('backend-unavailable', `Backend webgpu: ${tfjsPackage} did not start.`);
  return { name: 'webgpu', device: name, tf, compile: (eager) => guarded(fault, eager), ...(remark === undefined ? {} : { remark }) };
}

async function loadPackage<T>(packageName: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    throw new LockstepError(
      'backend-unavailable',
      `Backend webgpu: ${packageName} ${whyNotLoaded(packageName, error)}. Run 'npm install ${packageName}', or choose --backend wasm.`,
      { cause: error },
    );
  }
}

async function openDevice(adapter: GpuAdapter, name: string): Promise<GpuDevice> {
  try {
    return await adapter.requestDevice({
      requiredLimits: Object.fromEntries(wantedLimits.map((limit) => [limit, adapter.limits[limit]!])),
    });
  } catch (error) {
    throw new LockstepError('gpu-unavailable', `Backend webgpu: ${name} provides no device: ${firstLine(error)}`, { cause: error });
  }
}

/** The first error of the device, if any. After it, nothing that the device computes can be trusted. */
type Fault = () => LockstepError | undefined;

function watch(device: GpuDevice, name: string): Fault {
  let fault: LockstepError | undefined;
  device.addEventListener('uncapturederror', ({ error }) => {
    fault ??= new LockstepError('compute-failed', `The GPU failed (${name}): ${firstLine(error)}`, { cause: error });
  });
  void device.lost.then(({ message }) => {
    fault ??= new LockstepError('compute-failed', `The GPU was lost (${name}): ${firstLine({ message })}. Start the worker again.`);
  });
  return () => fault;
}

function listenWhenRead(backend: TfjsBackend, fault: Fault): void {
  const read = backend.read.bind(backend);
  const readSync = backend.readSync.bind(backend);
  backend.read = (dataId) => explained(fault, () => read(dataId));
  backend.readSync = (dataId) => {
    try {
      return readSync(dataId);
    } catch (error) {
      throw new LockstepError(
        'recipe-invalid',
        "The recipe reads a tensor's value before it returns (dataSync, arraySync, or an operation that does), which WebGPU cannot do. Use tensor operations instead, or another --backend.",
        { cause: error },
      );
    }
  };
}

/** A read waits for the GPU, so it is where faults show: as a refusal without a reason, or as values that were never computed. */
async function explained<T>(fault: Fault, read: () => Promise<T>): Promise<T> {
  try {
    const values = await read();
    const now = fault();
    if (now === undefined) return values;
    throw now;
  } catch (error) {
    throw fault() ?? error;
  }
}

function guarded(fault: Fault, eager: PhaseFunction): PhaseFunction {
  return (inputs) => {
    const before = fault();
    if (before !== undefined) throw before;
    try {
      return eager(inputs);
    } catch (error) {
      throw fault() ?? error;
    }
  };
}

/**
 * TF.js considers WebGPU missing unless `navigator.gpu` exists, and looks only while its backend is created. Node 20 has no navigator, and
 * later versions have one without `gpu`; both are restored, since other libraries take a navigator for a browser.
 */
function withNavigatorGpu<T>(gpu: object, make: () => T): T {
  const own = (globalThis as { navigator?: object }).navigator;
  const navigator = own ?? {};
  if (own === undefined) Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  Object.defineProperty(navigator, 'gpu', { value: gpu, configurable: true });
  try {
    return make();
  } finally {
    Reflect.deleteProperty(navigator, 'gpu');
    if (own === undefined) Reflect.deleteProperty(globalThis, 'navigator');
  }
}

/** WebGPU's errors are not `Error`s, and some have an empty message. */
function firstLine(error: unknown): string {
  const { message } = error as { message?: unknown };
  const text = typeof message === 'string' ? message.trim() : String(error);
  return text === '' ? 'no reason given' : text.split('\n')[0]!.slice(0, 300);
}
