/**
 * Backend `tensorflow`: TensorFlow's C library on the CPU through @tensorflow/tfjs-node.
 *
 * Not responsible for: loading it (`native-library.ts`).
 */
import { noGpuEnvironment } from '@lockstep/shared';
import type { Backend } from './backend.ts';
import { tfjsNodeBackend } from './compile/backend.ts';
import { loadNativePackage } from './native-library.ts';

/** Throws `backend-unavailable`. No GPU is visible: the library must not take one that another worker uses. */
export async function loadTensorflow(): Promise<Backend> {
  const tf = await loadNativePackage('tensorflow', '@tensorflow/tfjs-node', noGpuEnvironment);
  return tfjsNodeBackend('tensorflow', 'CPU, one thread (TensorFlow)', tf);
}
