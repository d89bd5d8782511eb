/**
 * Records the TensorFlow ops of one eager run as a graph.
 *
 * Responsible for: watching tfjs-node's backend for the length of one call, turning every op into a node, every input into a
 * placeholder and every other tensor into a constant, and refusing what a graph cannot repeat: values read back into JavaScript.
 * Not responsible for: what the run computes, comparing runs (`compare.ts`), or running graphs (`session.ts`).
 */
import type { Tensor } from '@lockstep/shared';
import { LockstepError } from '@lockstep/shared';
import { toAttributes } from './attributes.ts';
import type { DataType, GraphNode } from './graph-def.ts';
import { dataTypes, shapeOf, tensorValue } from './graph-def.ts';
import type { NodeBackend, OpInput } from './tfjs-node.ts';

export interface Graph {
  readonly nodes: readonly GraphNode[];
  /** For each input, in order: its placeholder, or undefined when no op and no output uses it. */
  readonly inputs: readonly (string | undefined)[];
  /** For each output, in order: the node that holds it. */
  readonly outputs: readonly string[];
}

/** Runs `run` eagerly and returns its graph. What the run makes is left to the caller's `tf.tidy`. */
export function trace(backend: NodeBackend, inputs: readonly Tensor[], run: () => readonly Tensor[]): Graph {
  const recorder = createRecorder(backend, inputs);
  const single = backend.executeSingleOutput.bind(backend);
  const multiple = backend.executeMultipleOutputs.bind(backend);
  const readSync = backend.readSync.bind(backend);
  // Own properties hide the class's methods; deleting them restores the methods.
  const watched = backend as { -readonly [Member in keyof NodeBackend]?: NodeBackend[Member] };
  watched.executeSingleOutput = (name, attributes, opInputs) => {
    const output = single(name, attributes, opInputs);
    recorder.op(name, toAttributes(backend.binding, attributes), opInputs, [output]);
    return output;
  };
  watched.executeMultipleOutputs = (name, attributes, opInputs, count) => {
    const outputs = multiple(name, attributes, opInputs, count);
    recorder.op(name, toAttributes(backend.binding, attributes), opInputs, outputs);
    return outputs;
  };
  watched.readSync = (dataId) => {
    if (recorder.isComputed(dataId)) throw refusedRead();
    return readSync(dataId);
  };
  let readLater = false;
  watched.read = (dataId) => {
    // Thrown once the run has ended: thrown here, it would become a rejection that nobody awaits.
    readLater ||= recorder.isComputed(dataId);
    return Promise.resolve(readSync(dataId));
  };
  try {
    const outputs = run();
    if (readLater) throw refusedRead();
    return recorder.finish(outputs);
  } finally {
    delete watched.executeSingleOutput;
    delete watched.executeMultipleOutputs;
    delete watched.read;
    delete watched.readSync;
  }
}

interface Recorder {
  op(name: string, attributes: GraphNode['attr'], inputs: readonly OpInput[], outputs: readonly Tensor[]): void;
  /** Whether this is an input, or was made by an op: a value that may differ from call to call. */
  isComputed(dataId: object): boolean;
  finish(outputs: readonly Tensor[]): Graph;
}

function createRecorder(backend: NodeBackend, inputs: readonly Tensor[]): Recorder {
  const nodes: GraphNode[] = [];
  // Where each tensor's data comes from. Keys are unique objects, so an entry stays correct after its tensor is disposed.
  const sources = new Map<object, string>();
  const computed = new Set<object>();
  const placeholders = new Map<object, string>();
  inputs.forEach((input, index) => placeholders.set(input.dataId, `input${index}`));
  const readSync = backend.readSync.bind(backend);

  const add = (prefix: string, op: string, input: readonly string[], attr: GraphNode['attr']): string => {
    const name = `${prefix}${nodes.length}`;
    nodes.push({ name, op, input, attr });
    return name;
  };

  const sourceOf = (tensor: OpInput): string => {
    const known = tensor.dataId && sources.get(tensor.dataId);
    if (known !== undefined) return known;
    const dtype = dataTypes[dataTypeOf(tensor)];
    const placeholder = tensor.dataId && placeholders.get(tensor.dataId);
    if (placeholder !== undefined) {
      nodes.push({
        name: placeholder,
        op: 'Placeholder',
        input: [],
        attr: { dtype: { type: dtype }, shape: { shape: shapeOf(tensor.shape) } },
      });
      sources.set(tensor.dataId!, placeholder);
      return placeholder;
    }
    const values = tensor.valueArray ?? readSync(tensor.dataId!);
    const constant = add('constant', 'Const', [], { dtype: { type: dtype }, value: { tensor: tensorValue(dtype, tensor.shape, values) } });
    if (tensor.dataId) sources.set(tensor.dataId, constant);
    return constant;
  };

  return {
    op(name, attributes, opInputs, outputs) {
      const node = add('op', name, opInputs.map(sourceOf), attributes);
      outputs.forEach(({ dataId }, index) => {
        sources.set(dataId, index === 0 ? node : `${node}:${index}`);
        computed.add(dataId);
      });
    },
    isComputed: (dataId) => computed.has(dataId) || placeholders.has(dataId),
    finish(outputs) {
      // A node of its own for each: an output may also be an input, a constant, or equal to another output.
      const names = outputs.map((output) => add('output', 'Identity', [sourceOf(output)], { T: { type: dataTypes[dataTypeOf(output)] } }));
      return { nodes, inputs: inputs.map(({ dataId }) => usedPlaceholder(dataId)), outputs: names };
    },
  };

  function usedPlaceholder(dataId: object): string | undefined {
    return sources.has(dataId) ? placeholders.get(dataId) : undefined;
  }
}

function dataTypeOf({ dtype, valueArray }: OpInput): DataType {
  if (valueArray) return 'int64';
  if (Object.hasOwn(dataTypes, dtype)) return dtype as DataType;
  throw new LockstepError(
    'recipe-invalid',
    `A phase that computes with ${dtype} tensors cannot be compiled; use float32, int32 or bool, or run with --execution eager.`,
  );
}

function refusedRead(): LockstepError {
  return new LockstepError(
    'recipe-invalid',
    "A loss reads a tensor's value (dataSync, arraySync, data, or an operation that does, such as gather) before it returns, so what it computes could depend on its data and it cannot be compiled; use tensor operations instead, or run with --execution eager.",
  );
}
