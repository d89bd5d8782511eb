/**
 * Backend `tensorflow`: TensorFlow's C library on the CPU through @tensorflow/tfjs-node.
 *
 * Responsible for: naming the package. Not responsible for: loading it (`native-library.ts`).
 */
import type { Backend } from './backend.ts';
import { tfjsNodeBackend } from './compile/backend.ts';
import { loadNativePackage } from './native-library.ts';

/** Hides every GPU: the library must not take one that another worker uses. */
const environment = { CUDA_VISIBLE_DEVICES: '-1' };

/** Throws `backend-unavailable`. */
export async function loadTensorflow(): Promise<Backend> {
  const tf = await loadNativePackage('tensorflow', '@tensorflow/tfjs-node', environment);
  return tfjsNodeBackend('tensorflow', 'CPU, one thread (TensorFlow)', tf);
}
