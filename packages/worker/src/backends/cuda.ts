/**
 * Backend `cuda`: TensorFlow's C library on one NVIDIA GPU through @tensorflow/tfjs-node-gpu.
 *
 * Responsible for: making exactly one GPU visible before the library loads, and refusing a library that quietly took the CPU.
 * Not responsible for: which GPU (`shared/gpus.ts`), or loading (`native-library.ts`).
 */
import { type Gpu, gpuEnvironment, LockstepError, type Tf } from '@lockstep/shared';
import type { Backend } from './backend.ts';
import { tfjsNodeBackend } from './compile/backend.ts';
import { loadNativePackage } from './native-library.ts';

const packageName = '@tensorflow/tfjs-node-gpu';

/** Memory as needed, not all of it; cuDNN's repeatable algorithms; float32 products in float32, not TF32. */
const cudaEnvironment = { TF_FORCE_GPU_ALLOW_GROWTH: 'true', TF_CUDNN_DETERMINISTIC: '1', NVIDIA_TF32_OVERRIDE: '0' };

/**
 * XLA's own matrix products use TF32 whatever the line above says; those of cuBLAS do not. TF_DETERMINISTIC_OPS already stops autotuning.
 */
const xlaFlags = ['--xla_gpu_enable_triton_gemm=false'];

/** Throws `backend-unavailable` when the package does not load, `gpu-unavailable` when it loads and does not use the GPU. */
export async function loadCuda(gpu: Gpu): Promise<Backend> {
  const tf = await loadNativePackage('cuda', packageName, { ...cudaEnvironment, ...gpuEnvironment(gpu) });
  requireGpu(tf, gpu);
  return tfjsNodeBackend('cuda', `${gpu.name} (GPU ${gpu.index})`, tf, xlaFlags);
}

/** If the driver, CUDA or cuDNN does not match, TensorFlow falls back to the CPU with nothing but a log line. */
export function requireGpu(tf: Tf, gpu: Gpu): void {
  const { isUsingGpuDevice } = tf.backend() as { isUsingGpuDevice?: boolean };
  if (isUsingGpuDevice === true) return;
  throw new LockstepError(
    'gpu-unavailable',
    `Backend cuda: ${packageName} loaded, but computes on the CPU instead of GPU ${gpu.index} (${gpu.name}). ` +
      `Check that NVIDIA's driver, CUDA and cuDNN match its TensorFlow (TF_CPP_MIN_LOG_LEVEL=0 shows what is missing), or choose --backend wasm.`,
  );
}
