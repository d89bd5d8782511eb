/**
 * What the two TensorFlow backends share: the environment the library reads once when it loads, loading the npm package, and tuning its
 * kernels (`tensorflow-kernels/`).
 *
 * Responsible for: threads and determinism, which belong to the run and never to a worker; Node 23's missing functions; never loading a
 * second TensorFlow; and one clear sentence when the package does not load. Not responsible for: GPUs (`cuda.ts`).
 */
import { createRequire } from 'node:module';
import type { Tf } from '@lockstep/shared';
import { LockstepError } from '@lockstep/shared';
import { nativeCommand, type NativeKind, useNativeAddon } from './native-addon.ts';
import { tuneKernels } from './tensorflow-kernels/index.ts';

const require = createRequire(import.meta.url);

/** The name of both packages' backend inside TF.js. */
const tfjsName = 'tensorflow';

/** One thread, since Lockstep runs one process per core, and a different number of threads gives different bits; and repeatable kernels. */
const fixedEnvironment = {
  TF_NUM_INTRAOP_THREADS: '1',
  TF_NUM_INTEROP_THREADS: '1',
  OMP_NUM_THREADS: '1',
  TF_DETERMINISTIC_OPS: '1',
} as const;

const notInstalled = 'is not installed';

/** The package whose TensorFlow this process has loaded. A second TensorFlow would share its symbols. */
let loadedPackage: string | undefined;

/** Keeps TensorFlow's informational messages off the terminal, unless the user asked for them. */
const defaultLogLevel = '2';

/** Loads an npm package that brings TensorFlow, and makes it the backend of TF.js. Throws `backend-unavailable`. */
export async function loadNativePackage(
  backend: NativeKind,
  packageName: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Tf> {
  if (loadedPackage !== undefined && loadedPackage !== packageName) {
    const sentence = `Backend ${backend}: this process has loaded the TensorFlow of ${loadedPackage}, and can hold only one.`;
    throw new LockstepError('backend-unavailable', sentence);
  }
  Object.assign(process.env, fixedEnvironment, environment);
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= defaultLogLevel;
  restoreUtilFunctions(require('node:util') as Record<string, unknown>);
  const tf = require('@tensorflow/tfjs') as Tf;
  // The TensorFlow that `lockstep-native` built, if it did; otherwise the one that the package downloaded.
  useNativeAddon(backend);
  try {
    require(packageName);
    loadedPackage = packageName;
    if (!(await tf.setBackend(tfjsName))) throw new Error('its backend did not start');
    tuneKernels(tf);
    return tf;
  } catch (error) {
    forgetKernels(tf);
    const why = whyNotLoaded(packageName, error);
    const cure = why === notInstalled ? `npm install ${packageName}` : nativeCommand(backend);
    const sentence = `Backend ${backend}: ${packageName} ${why}. Run '${cure}', or choose --backend wasm.`;
    throw new LockstepError('backend-unavailable', sentence, { cause: error });
  }
}

/** Both packages register their kernels, under one name, before they look for their addon: the next one would warn about each. */
function forgetKernels(tf: Tf): void {
  for (const { kernelName } of tf.getKernelsForBackend(tfjsName)) tf.unregisterKernel(kernelName, tfjsName);
}

/** The cause in a few words, to follow the package's name. */
export function whyNotLoaded(packageName: string, error: unknown): string {
  const { code } = error as { code?: unknown };
  const message = error instanceof Error ? error.message : String(error);
  const line = (message.split('\n')[0] ?? '').trim().slice(0, 200);
  if ((code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND') && message.includes(`'${packageName}'`)) return notInstalled;
  if (message.includes('native addon module')) return 'has no native addon (its install script has not run)';
  if (code === 'ERR_DLOPEN_FAILED') return `has an addon that this machine cannot load (${line})`;
  return `does not load (${line})`;
}

/**
 * tfjs-node 4.22 calls two functions that Node 22 warns about and Node 23 removed from `util` (tensorflow/tfjs#8425, merged, never released).
 */
export function restoreUtilFunctions(util: Record<string, unknown>): void {
  util['isNullOrUndefined'] = (value: unknown): boolean => value === null || value === undefined;
  util['isArray'] = Array.isArray;
}
