/**
 * How long each kernel of a TF.js backend takes.
 *
 * Why not `tf.profile`: it counts a kernel that is called by another one twice, and reads every output.
 */
import type { Tf } from '@lockstep/shared';

/** From now on, adds up the seconds that each kernel takes, by name, those of kernels it calls not included. Cannot be undone. */
export function timeKernels(tf: Tf, backendName: string): Record<string, number> {
  const seconds: Record<string, number> = {};
  /** Of the kernels called by the one that runs. */
  let insideMs = 0;
  for (const kernel of tf.getKernelsForBackend(backendName)) {
    const { kernelName, kernelFunc } = kernel;
    kernel.kernelFunc = (call) => {
      const outsideMs = insideMs;
      insideMs = 0;
      const startMs = performance.now();
      try {
        return kernelFunc(call);
      } finally {
        const tookMs = performance.now() - startMs;
        seconds[kernelName] = (seconds[kernelName] ?? 0) + (tookMs - insideMs) / 1000;
        insideMs = outsideMs + tookMs;
      }
    };
  }
  return seconds;
}
