/**
 * Guards XNNPACK's cache of packed right-hand operands.
 *
 * TF.js's wasm product packs its right-hand operand once and keeps the packed copy under the operand's data id, until that id is
 * disposed. The key holds no shape, and reshaped tensors share their id: the product with [1, 4] and later with the same data as [4, 1]
 * ran the first one's operator and wrote past its output (seen: TF.js 4.22 aborts). Gradients transpose one-column weights just by
 * reshaping them, so Lockstep runs into this at once.
 *
 * Responsible for: never letting that cache see one id under two shapes. Not responsible for: the products themselves.
 * Nothing here outlives a tensor: the record refers to the data id weakly, and the packed copy is freed with the tensor.
 */
import type { TensorInfo } from '@tensorflow/tfjs';
import type { KernelHost } from './kernel-host.ts';

const packedColumns = new WeakMap<object, number>();

/** The operand [..., rows, columns] under an id that is safe to pack: the operand itself, or a copy. The caller frees the result. */
export function packable(host: KernelHost, operand: TensorInfo): TensorInfo {
  const columns = operand.shape.at(-1) ?? 1;
  const known = packedColumns.get(operand.dataId);
  if (known === undefined || known === columns) {
    packedColumns.set(operand.dataId, columns);
    return host.share(operand, operand.shape);
  }
  const copy = host.allocate(operand.shape);
  host.view(copy).set(host.view(operand));
  packedColumns.set(copy.dataId, columns);
  return copy;
}
