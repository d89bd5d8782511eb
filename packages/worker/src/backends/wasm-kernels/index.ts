/** Every repair of TF.js's wasm kernels, in one list. */
import type { Tf } from '@lockstep/shared';
import { repairBatchMatMul } from './batch-matmul.ts';
import { addConv2dBackpropFilter } from './conv2d-backprop-filter.ts';
import { repairConv2dBackpropInput } from './conv2d-backprop-input.ts';
import { refuseConv3dBackpropInput } from './conv3d-backprop-input.ts';
import { addDepthwiseGradients } from './depthwise-gradients.ts';
import { repairFusedMatMul } from './fused-matmul.ts';
import { repairIdentity } from './identity.ts';
import { repairLeakyRelu } from './leaky-relu.ts';
import { repairMaxPool } from './max-pool.ts';
import { repairOneHot } from './one-hot.ts';
import { repairSamePadding } from './same-padding.ts';

const repairs = [
  repairBatchMatMul,
  repairFusedMatMul,
  repairIdentity,
  repairLeakyRelu,
  repairConv2dBackpropInput,
  addConv2dBackpropFilter,
  repairSamePadding,
  addDepthwiseGradients,
  refuseConv3dBackpropInput,
  repairMaxPool,
  repairOneHot,
] as const;

const repaired = new WeakSet<Tf>();

/** Registers all repairs, once per TF.js instance. */
export function repairKernels(tf: Tf): void {
  if (repaired.has(tf)) return;
  repaired.add(tf);
  for (const repair of repairs) repair(tf);
}
