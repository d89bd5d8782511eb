/**
 * What a repaired wasm kernel may use: other kernels of the backend, scratch tensors, and the wasm heap.
 *
 * Responsible for: replacing TF.js's kernel with ours, and the few calls into the backend that repairs need.
 * Not responsible for: any arithmetic (one file per repair).
 *
 * Inside a kernel the engine does not track tensors: code that makes a `TensorInfo` here has to free it.
 */
import type { Tf } from '@lockstep/shared';
import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

const backendName = 'wasm';

export type Inputs = Readonly<Record<string, TensorInfo>>;
export type Attributes = Readonly<Record<string, unknown>>;

export interface KernelHost {
  /** Runs the kernel registered under this name (ours where we replaced it). The caller frees the result. */
  readonly run: (kernelName: string, inputs: Inputs, attributes?: Attributes) => TensorInfo;
  /** A tensor with undefined content. */
  readonly allocate: (shape: readonly number[]) => TensorInfo;
  /** Its elements in the wasm heap. The view is valid until the next allocation, which may move the heap. */
  readonly view: (info: TensorInfo) => Float32Array;
  /** A second reference to the same elements under another shape. */
  readonly share: (info: TensorInfo, shape: readonly number[]) => TensorInfo;
  readonly free: (info: TensorInfo) => void;
}

/** A kernel of ours. Inputs belong to the caller; the result becomes the caller's. */
export type Repair = (host: KernelHost, inputs: Inputs, attributes: Attributes) => TensorInfo;

/** TF.js's own kernel, as a function of the same form as ours. */
export type Stock = Repair;

/**
 * Replaces TF.js's wasm kernel `kernelName` with `make(stock)`, before or after the backend has started.
 * Where TF.js has no such kernel (`conv2d`'s filter gradient), `stock` throws.
 */
export function replaceKernel(tf: Tf, kernelName: string, make: (stock: Stock) => Repair): void {
  const config = findKernel(tf, kernelName);
  const stock: Stock = (host, inputs, attributes) => {
    if (config === undefined) throw new Error(`TF.js has no ${kernelName} on wasm`);
    return first(config.kernelFunc({ inputs: { ...inputs }, backend: backendOf(host), attrs: { ...attributes } as never }));
  };
  const repair = make(stock);
  const kernelFunc: KernelFunc = ({ inputs, backend, attrs }) => repair(hostOf(tf, backend as BackendWasm), inputs as Inputs, attrs ?? {});
  if (config !== undefined) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ ...config, kernelName, backendName, kernelFunc });
}

const hosts = new WeakMap<BackendWasm, KernelHost>();
const backends = new WeakMap<KernelHost, BackendWasm>();

function hostOf(tf: Tf, backend: BackendWasm): KernelHost {
  const known = hosts.get(backend);
  if (known !== undefined) return known;
  const host: KernelHost = {
    run(kernelName, inputs, attributes = {}) {
      const config = findKernel(tf, kernelName);
      if (config === undefined) throw new Error(`no ${kernelName} on wasm`);
      return first(config.kernelFunc({ inputs: { ...inputs }, backend, attrs: { ...attributes } as never }));
    },
    allocate: (shape) => backend.makeOutput([...shape], 'float32'),
    view: (info) => backend.typedArrayFromHeap(info) as Float32Array,
    share(info, shape) {
      backend.incRef(info.dataId);
      return { dataId: info.dataId, shape: [...shape], dtype: info.dtype };
    },
    free: (info) => void backend.disposeData(info.dataId),
  };
  hosts.set(backend, host);
  backends.set(host, backend);
  return host;
}

function backendOf(host: KernelHost): BackendWasm {
  const backend = backends.get(host);
  if (backend === undefined) throw new Error('this host belongs to no backend');
  return backend;
}

function findKernel(tf: Tf, kernelName: string) {
  // TF.js declares the result as always present; for an unknown kernel it is undefined.
  return tf.getKernel(kernelName, backendName) as ReturnType<Tf['getKernel']> | undefined;
}

function first(result: TensorInfo | TensorInfo[]): TensorInfo {
  const info = Array.isArray(result) ? result[0] : result;
  if (info === undefined) throw new Error('a kernel returned no tensor');
  return info;
}
