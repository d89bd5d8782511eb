/**
 * Products of two matrices by TensorFlow's MatMul rather than BatchMatMulV2, which TF.js uses for every rank.
 *
 * Responsible for: float32 matrices. Not responsible for: batches and other types, which go to TF.js's kernel.
 */
import type { Tf } from '@lockstep/shared';
import type { TensorInfo } from '@tensorflow/tfjs';
import { backendName, runOp } from './node-op.ts';

const kernelName = 'BatchMatMul';

export function tuneBatchMatMul(tf: Tf): void {
  const stock = tf.getKernel(kernelName, backendName);
  tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({
    ...stock,
    kernelFunc: (call) => {
      const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo };
      if ([a, b].some(({ dtype, shape }) => dtype !== 'float32' || shape.length !== 2)) return stock.kernelFunc(call);
      const { transposeA, transposeB } = call.attrs as unknown as { transposeA: boolean; transposeB: boolean };
      return runOp(
        call.backend,
        'MatMul',
        [a, b],
        [
          { name: 'transpose_a', type: 'TF_ATTR_BOOL', value: transposeA },
          { name: 'transpose_b', type: 'TF_ATTR_BOOL', value: transposeB },
        ],
      );
    },
  });
}
