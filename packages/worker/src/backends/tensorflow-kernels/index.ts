/**
 * The list of native TensorFlow ops that replace what TF.js composes from many.
 *
 * Not responsible for: arithmetic. Each replacement names the TensorFlow op that does the work.
 */
import type { Tf } from '@lockstep/shared';
import { tuneActivationGradients } from './activation-gradients.ts';
import { tuneBatchMatMul } from './batch-matmul.ts';

const tuned = new WeakSet<Tf>();

/** Replaces kernels and gradients, once per TF.js instance. `tf` must run on tfjs-node. */
export function tuneKernels(tf: Tf): void {
  if (tuned.has(tf)) return;
  tuned.add(tf);
  tuneActivationGradients(tf);
  tuneBatchMatMul(tf);
}
