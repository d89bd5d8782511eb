/**
 * _FusedMatMul (product + bias + activation) on wasm, repaired.
 *
 * TF.js's kernel is right and fast for one product of untransposed matrices with a bias of full length. With a transposed operand or a
 * batch it adds the bias, and clamps, once per block of 48 along the shared axis: wrong for longer ones (seen: 103 for 101). Its fast
 * path shares the cache that `packed-operand.ts` guards. Everything else is composed here from the repaired product and plain kernels.
 *
 * Responsible for: the fused kernel's inputs and attributes. Not responsible for: products (`batch-matmul.ts`).
 */
import type { Tf } from '@lockstep/shared';
import type { TensorInfo } from '@tensorflow/tfjs';
import type { Attributes, Inputs, KernelHost } from './kernel-host.ts';
import { replaceKernel } from './kernel-host.ts';
import { packable } from './packed-operand.ts';

/** TF.js activation name -> kernel that computes it. 'prelu' and 'leakyrelu' take more than their input, 'linear' none. */
const activationKernels: Readonly<Record<string, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  sigmoid: 'Sigmoid',
  leakyrelu: 'LeakyRelu',
  prelu: 'Prelu',
};

export function repairFusedMatMul(tf: Tf): void {
  replaceKernel(tf, '_FusedMatMul', (stock) => (host, inputs, attributes) => {
    const { a, b, bias } = inputs as { a: TensorInfo; b: TensorInfo; bias?: TensorInfo };
    const activation = (attributes['activation'] ?? 'linear') as string;
    const known = activation === 'linear' || activation in activationKernels;
    if (a.dtype !== 'float32' || b.dtype !== 'float32' || !known) return stock(host, inputs, attributes);
    if (!isPlain(a, b, bias, attributes)) return composed(host, inputs, attributes, activation);
    const packed = packable(host, b);
    const result = stock(host, { ...inputs, b: packed }, attributes);
    host.free(packed);
    return result;
  });
}

/** One product of two untransposed, non-empty matrices, and a bias for each column: what TF.js's fast path computes. */
function isPlain(a: TensorInfo, b: TensorInfo, bias: TensorInfo | undefined, attributes: Attributes): boolean {
  if (attributes['transposeA'] === true || attributes['transposeB'] === true) return false;
  if (a.shape[0] !== 1 || b.shape[0] !== 1 || [...a.shape, ...b.shape].includes(0)) return false;
  return bias === undefined || bias === null || (bias.shape.length === 1 && bias.shape[0] === b.shape.at(-1));
}

function composed(host: KernelHost, inputs: Inputs, attributes: Attributes, activation: string): TensorInfo {
  const { a, b, bias, preluActivationWeights } = inputs as Record<'a' | 'b' | 'bias' | 'preluActivationWeights', TensorInfo>;
  const { transposeA, transposeB, leakyreluAlpha } = attributes;
  let result = host.run('BatchMatMul', { a, b }, { transposeA, transposeB });
  const then = (kernelName: string, operands: (input: TensorInfo) => Inputs, extra: Attributes = {}) => {
    const next = host.run(kernelName, operands(result), extra);
    host.free(result);
    result = next;
  };
  if (bias !== undefined && bias !== null) then('Add', (input) => ({ a: input, b: bias }));
  const kernelName = activationKernels[activation];
  if (kernelName === 'Prelu') then(kernelName, (input) => ({ x: input, alpha: preluActivationWeights }));
  else if (kernelName === 'LeakyRelu') then(kernelName, (input) => ({ x: input }), { alpha: leakyreluAlpha });
  else if (kernelName !== undefined) then(kernelName, (input) => ({ x: input }));
  return result;
}
