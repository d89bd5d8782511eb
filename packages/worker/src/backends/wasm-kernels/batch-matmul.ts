/**
 * BatchMatMul on wasm, repaired: fast with transposed operands and with batches.
 *
 * TF.js takes its fast path (XNNPACK) only for one product of two untransposed matrices, and a naive loop otherwise: some twenty
 * times slower. Every gradient of a dense layer has a transposed operand. Here operands are transposed first, and products of a batch are
 * computed one by one, so that all of them take the fast path.
 *
 * Responsible for: products of float32 tensors of rank 2 and up, with broadcasting batch axes as in TF.js.
 * Not responsible for: other types and empty operands, which go to TF.js's kernel unchanged, or for fused products (`fused-matmul.ts`).
 *
 * Bits: which way round a product is taken, and how a batch is cut, follows from shapes alone, never from what ran before.
 */
import type { Tf } from '@lockstep/shared';
import type { TensorInfo } from '@tensorflow/tfjs';
import { batchPlan } from './batch-plan.ts';
import type { KernelHost, Stock } from './kernel-host.ts';
import { replaceKernel } from './kernel-host.ts';
import { packable } from './packed-operand.ts';

interface Product {
  /** One matrix each: shape [1, rows, columns]. */
  readonly a: TensorInfo;
  readonly b: TensorInfo;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

export function repairBatchMatMul(tf: Tf): void {
  replaceKernel(tf, 'BatchMatMul', (stock) => (host, inputs, attributes) => {
    const { a, b } = inputs as { a: TensorInfo; b: TensorInfo };
    const transposeA = attributes['transposeA'] === true;
    const transposeB = attributes['transposeB'] === true;
    const plan = batchPlan(a.shape, b.shape, transposeA, transposeB);
    // Types and shapes that TF.js refuses, it refuses in its own words; empty products it fills with zeros.
    if (plan === undefined || a.dtype !== 'float32' || b.dtype !== 'float32') return stock(host, inputs, attributes);
    if (plan.pairs.length === 1) {
      return reshaped(multiply(host, stock, { ...matrices(host, a, b, plan), transposeA, transposeB }), plan.outputShape);
    }
    const output = host.allocate(plan.outputShape);
    for (const [index, [indexA, indexB]] of plan.pairs.entries()) {
      const slices = { a: slice(host, a, plan.matrixA, indexA), b: slice(host, b, plan.matrixB, indexB) };
      const part = multiply(host, stock, { ...slices, transposeA, transposeB });
      const values = host.view(part);
      host.view(output).set(values, index * values.length);
      host.free(part);
    }
    return output;
  });
}

/** Frees its operands. Result: [1, rows, columns]. */
function multiply(host: KernelHost, stock: Stock, product: Product): TensorInfo {
  return cheaperReversed(product) ? reversed(host, stock, product) : direct(host, stock, product);
}

/** op(A) op(B), transposing what has to be. */
function direct(host: KernelHost, stock: Stock, { a, b, transposeA, transposeB }: Product): TensorInfo {
  const left = transposeA ? transposed(host, a) : a;
  const right = transposeB ? transposed(host, b) : b;
  const packed = packable(host, right);
  const result = stock(host, { a: left, b: packed }, { transposeA: false, transposeB: false });
  for (const operand of [left, right, packed]) host.free(operand);
  return result;
}

/** (op(B)ᵀ op(A)ᵀ)ᵀ: the same product, when transposing the result costs less than transposing and packing a large B. */
function reversed(host: KernelHost, stock: Stock, { a, b, transposeA, transposeB }: Product): TensorInfo {
  return transposed(host, direct(host, stock, { a: b, b: a, transposeA: !transposeB, transposeB: !transposeA }));
}

/** Counts elements moved: each transposition moves its matrix once, packing moves the right-hand operand once. */
function cheaperReversed({ a, b, transposeA, transposeB }: Product): boolean {
  // Untransposed weights keep their packed form from call to call, which is always worth keeping.
  if (!transposeA && !transposeB) return false;
  const sizeA = size(a);
  const sizeB = size(b);
  const sizeResult = (transposeA ? columns(a) : rows(a)) * (transposeB ? rows(b) : columns(b));
  const costDirect = (transposeA ? sizeA : 0) + (transposeB ? sizeB : 0) + sizeB;
  const costReversed = (transposeB ? 0 : sizeB) + (transposeA ? 0 : sizeA) + sizeA + sizeResult;
  return costReversed < costDirect;
}

/** Frees its argument. [1, rows, columns] becomes [1, columns, rows]. */
function transposed(host: KernelHost, matrix: TensorInfo): TensorInfo {
  const result = host.run('Transpose', { x: matrix }, { perm: [0, 2, 1] });
  host.free(matrix);
  return result;
}

function matrices(host: KernelHost, a: TensorInfo, b: TensorInfo, plan: { matrixA: readonly number[]; matrixB: readonly number[] }) {
  return { a: host.share(a, [1, ...plan.matrixA]), b: host.share(b, [1, ...plan.matrixB]) };
}

function slice(host: KernelHost, tensor: TensorInfo, shape: readonly number[], index: number): TensorInfo {
  const result = host.allocate([1, ...shape]);
  const target = host.view(result);
  target.set(host.view(tensor).subarray(index * target.length, (index + 1) * target.length));
  return result;
}

function reshaped(info: TensorInfo, shape: readonly number[]): TensorInfo {
  return { ...info, shape: [...shape] };
}

function rows(matrix: TensorInfo): number {
  return matrix.shape[1] ?? 1;
}

function columns(matrix: TensorInfo): number {
  return matrix.shape[2] ?? 1;
}

function size(matrix: TensorInfo): number {
  return rows(matrix) * columns(matrix);
}
