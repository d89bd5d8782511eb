/**
 * For tests of backends: a computation's value and gradients as plain arrays, and how far two of them are apart.
 *
 * Responsible for: fixed inputs, evaluation on whatever backend is current, freeing every tensor. Not responsible for: which backend.
 */
import { createRequire } from 'node:module';
import { inputRows, streams, type Tensor, type Tf } from '@lockstep/shared';

export interface Computation {
  readonly name: string;
  /** Shapes of the inputs; their values are standard normal, fixed. */
  readonly inputs: readonly (readonly number[])[];
  readonly compute: (tf: Tf, ...inputs: Tensor[]) => Tensor;
}

export interface Outcome {
  readonly shape: readonly number[];
  readonly value: Float32Array;
  /** For each input: the gradient of the inner product of the value with fixed normal numbers. */
  readonly gradients: readonly Float32Array[];
}

/** Evaluates twice: once plainly, where TF.js uses fused kernels, and once under the tape, where it does not. */
export async function evaluate(tf: Tf, { inputs, compute }: Computation): Promise<Outcome> {
  const { outputs, shape } = tf.tidy(() => {
    const tensors = inputs.map((inputShape, index) => normal(tf, inputShape, index));
    const value = compute(tf, ...tensors);
    const direction = normal(tf, value.shape, inputs.length);
    const gradients = tf.grads((...parameters: Tensor[]) => tf.sum(tf.mul(compute(tf, ...parameters), direction)))(tensors);
    return { outputs: [value, ...gradients], shape: value.shape };
  });
  const [value, ...gradients] = await Promise.all(outputs.map((tensor) => tensor.data<'float32'>()));
  tf.dispose(outputs);
  return { shape, value: value!, gradients };
}

/** Fixed standard normal numbers as a tensor. */
export function normal(tf: Tf, shape: readonly number[], stream: number): Tensor {
  return tf.tensor(inputRows({ shape, distribution: 'normal' }, 1, streams.fingerprint, stream, 0, 1), [...shape]);
}

/** The largest difference between elements, relative to the largest element of `reference` (at least 1e-3). NaN differs from everything. */
export function relativeDifference(values: Float32Array, reference: Float32Array): number {
  if (values.length !== reference.length) return Infinity;
  let difference = 0;
  let scale = 1e-3;
  for (const [index, expected] of reference.entries()) {
    const each = Math.abs(values[index]! - expected);
    difference = Number.isNaN(each) ? Infinity : Math.max(difference, each);
    scale = Math.max(scale, Math.abs(expected));
  }
  return difference / scale;
}

/** The largest `relativeDifference` of value and gradients. */
export function outcomeDifference(outcome: Outcome, reference: Outcome): number {
  if (outcome.shape.join() !== reference.shape.join()) return Infinity;
  const pairs = [
    [outcome.value, reference.value] as const,
    ...outcome.gradients.map((each, index) => [each, reference.gradients[index]!] as const),
  ];
  return Math.max(...pairs.map(([values, expected]) => relativeDifference(values, expected)));
}

/** Size of the wasm heap, which grows when memory is short and never shrinks. */
export function heapBytes(tf: Tf): number {
  return (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.length;
}

/** TF.js with its plain `cpu` backend, the reference of every other. Load it before any backend that replaces gradients. */
export async function referenceTf(): Promise<Tf> {
  const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as Tf;
  // Its first tensor makes it print a banner, except in tests. The flag also makes the engine look for leaks after each kernel, with false
  // alarms for kernels that call operations, as tfjs-node's do: so for this one tensor only.
  tf.env().set('IS_TEST', true);
  await tf.setBackend('cpu');
  tf.scalar(0).dispose();
  tf.env().set('IS_TEST', false);
  return tf;
}
