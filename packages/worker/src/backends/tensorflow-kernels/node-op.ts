/** One TensorFlow op of float32 tensors, run from inside a kernel of tfjs-node's backend. */
import type { TensorInfo } from '@tensorflow/tfjs';
import type { NodeBackend } from '../compile/tfjs-node.ts';

/** What tfjs-node and tfjs-node-gpu call their backend inside TF.js. */
export const backendName = 'tensorflow';

export interface Attribute {
  readonly name: string;
  readonly type: 'TF_ATTR_BOOL' | 'TF_ATTR_FLOAT';
  readonly value: boolean | number;
}

/** `backend` is what TF.js hands to a kernel of `backendName`. */
export function runOp(backend: unknown, name: string, inputs: readonly TensorInfo[], attributes: readonly Attribute[]): TensorInfo {
  const node = backend as NodeBackend;
  const { binding } = node;
  const type = { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT };
  return node.executeSingleOutput(name, [type, ...attributes.map((each) => ({ ...each, type: binding[each.type] }))], inputs);
}
