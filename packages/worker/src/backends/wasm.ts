/**
 * Backend `wasm`: TF.js's WebAssembly backend with SIMD, repaired where training needs it. Runs everywhere Node does; the embedded default.
 *
 * Responsible for: loading TF.js and the backend, and registering the repairs. Not responsible for: the repairs (`wasm-kernels/`).
 * One thread: TF.js has no wasm threads under Node, and Lockstep runs one process per core anyway.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Tf } from '@lockstep/shared';
import { LockstepError } from '@lockstep/shared';
import type * as TensorFlowWasm from '@tensorflow/tfjs-backend-wasm';
import type { Backend } from './backend.ts';
import { repairKernels } from './wasm-kernels/index.ts';

const packageName = '@tensorflow/tfjs-backend-wasm';
const require = createRequire(import.meta.url);

/** Throws `backend-unavailable` when the package is missing or its WebAssembly does not start. */
export async function loadWasm(): Promise<Backend> {
  const tf = await startWasm();
  repairKernels(tf);
  return { name: 'wasm', device: 'wasm (SIMD)', tf, compile: (eager) => eager };
}

async function startWasm(): Promise<Tf> {
  try {
    const tf = require('@tensorflow/tfjs') as Tf;
    const wasm = require(packageName) as typeof TensorFlowWasm;
    // The default is looked up next to the calling script, which is wrong if that is a bundle or another package.
    wasm.setWasmPaths(`${path.dirname(require.resolve(packageName))}${path.sep}`);
    if ((await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) !== true) throw new Error('this engine has no WebAssembly SIMD');
    if (!(await withoutItsListeners(() => tf.setBackend('wasm')))) throw new Error('its WebAssembly module did not start');
    return tf;
  } catch (error) {
    const cause = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new LockstepError(
      'backend-unavailable',
      `backend wasm: cannot load ${packageName} (${cause}): install Lockstep's packages again with npm ci`,
      {
        cause: error,
      },
    );
  }
}

/**
 * Emscripten's start-up code makes the process rethrow every uncaught error and unhandled rejection, from a file of one line: whatever
 * went wrong later, people would see 60 kB of it first. Node's own way of ending is right, so those listeners are removed.
 */
async function withoutItsListeners<T>(start: () => Promise<T>): Promise<T> {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => process.rawListeners(event));
  try {
    return await start();
  } finally {
    for (const [index, event] of events.entries()) {
      const added = process.rawListeners(event).filter((listener) => !before[index]!.includes(listener));
      for (const listener of added) process.removeListener(event, listener as (...parameters: unknown[]) => void);
    }
  }
}
