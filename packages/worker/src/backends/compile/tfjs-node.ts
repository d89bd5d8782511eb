/**
 * The internals of tfjs-node that compiling needs, as types: its kernels all end in two methods, and its addon can run SavedModels.
 *
 * Responsible for: naming those members once, and failing at once if a version of tfjs-node lacks them.
 * Not responsible for: using them.
 */
import type { Tensor, Tf } from '@lockstep/shared';

/** What a kernel passes on: a tensor, or only its description. Int64Scalar, tfjs-node's own, has no data id. */
export interface OpInput {
  readonly dataId?: object;
  readonly shape: readonly number[];
  readonly dtype: string;
  /** Int64Scalar: low and high half. */
  readonly valueArray?: Int32Array;
}

/** `type` is one of the addon's TF_ATTR_ numbers. */
export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** A tensor as the addon reports it; only `createOutputTensor` looks inside. */
export type OutputDescription = object;

export interface Addon {
  readonly TF_Version: string;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  readonly TF_FLOAT: number;
  readonly TF_STRING: number;
  createTensor(shape: readonly number[], type: number, values: unknown): number;
  deleteTensor(id: number): void;
  executeOp(name: string, attributes: readonly OpAttribute[], inputIds: readonly number[], outputCount: number): OutputDescription[];
  loadSavedModel(directory: string, tags: string): number;
  deleteSavedModel(id: number): void;
  /** Names are comma-separated `node:output`. */
  runSavedModel(id: number, inputIds: readonly number[], inputNames: string, outputNames: string): OutputDescription[];
}

export interface NodeBackend {
  readonly binding: Addon;
  getInputTensorIds(tensors: readonly OpInput[]): number[];
  createOutputTensor(description: OutputDescription): Tensor;
  executeSingleOutput(name: string, attributes: readonly OpAttribute[], inputs: readonly OpInput[]): Tensor;
  executeMultipleOutputs(name: string, attributes: readonly OpAttribute[], inputs: readonly OpInput[], outputCount: number): Tensor[];
  read(dataId: object): Promise<unknown>;
  readSync(dataId: object): ArrayBufferView;
}

const members = ['getInputTensorIds', 'createOutputTensor', 'executeSingleOutput', 'executeMultipleOutputs', 'read', 'readSync'] as const;

/** The backend of a TF.js that runs on tfjs-node. Throws a plain Error on another backend: a mistake in Lockstep. */
export function nodeBackendOf(tf: Tf): NodeBackend {
  const backend = tf.backend() as unknown as Partial<NodeBackend>;
  const missing = members.find((member) => typeof backend[member] !== 'function');
  if (missing !== undefined || typeof backend.binding?.runSavedModel !== 'function') {
    throw new Error(`only tfjs-node's backend compiles phases, and '${tf.getBackend()}' has no ${missing ?? 'binding.runSavedModel'}`);
  }
  return backend as NodeBackend;
}
