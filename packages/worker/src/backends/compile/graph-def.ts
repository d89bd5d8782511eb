/**
 * TensorFlow's graph format, as far as a compiled phase needs it: nodes in, bytes of a SavedModel out.
 *
 * Responsible for: the schema (a subset of tensorflow/core/framework/*.proto and core/protobuf/saved_model.proto, with their field
 * numbers) and encoding it. Not responsible for: what the nodes are (`trace.ts`), or loading them (`session.ts`).
 */
import protobuf from 'protobufjs';

const schema = `
  syntax = "proto3";
  message SavedModel { int64 saved_model_schema_version = 1; repeated MetaGraphDef meta_graphs = 2; }
  message MetaGraphDef { MetaInfoDef meta_info_def = 1; GraphDef graph_def = 2; }
  message MetaInfoDef { repeated string tags = 4; string tensorflow_version = 5; }
  message GraphDef { repeated NodeDef node = 1; VersionDef versions = 4; }
  message VersionDef { int32 producer = 1; }
  message NodeDef { string name = 1; string op = 2; repeated string input = 3; map<string, AttrValue> attr = 5; }
  message AttrValue {
    message ListValue {
      repeated bytes s = 2; repeated int64 i = 3; repeated float f = 4; repeated bool b = 5; repeated int32 type = 6;
      repeated TensorShapeProto shape = 7;
    }
    oneof value {
      ListValue list = 1; bytes s = 2; int64 i = 3; float f = 4; bool b = 5; int32 type = 6; TensorShapeProto shape = 7; TensorProto tensor = 8;
    }
  }
  message TensorShapeProto { message Dim { int64 size = 1; } repeated Dim dim = 2; }
  message TensorProto { int32 dtype = 1; TensorShapeProto tensor_shape = 2; bytes tensor_content = 4; repeated float float_val = 5; }
`;

const savedModelType = protobuf.parse(schema, { keepCase: true }).root.lookupType('SavedModel');

/** TensorFlow's numbers for the types a graph may hold (tensorflow/core/framework/types.proto). */
export const dataTypes = { float32: 1, int32: 3, int64: 9, bool: 10 } as const;

export type DataType = keyof typeof dataTypes;

interface Shape {
  readonly dim: readonly { readonly size: number }[];
}

/** Either all elements as bytes, or one that every element equals. */
export type TensorValue = { readonly dtype: number; readonly tensor_shape: Shape } & (
  | { readonly tensor_content: Uint8Array }
  | { readonly float_val: readonly [number] }
);

/** One attribute of a node; exactly one member. */
export interface AttributeValue {
  readonly list?: Omit<{ readonly [Member in keyof AttributeValue]: readonly AttributeValue[Member][] }, 'list' | 'tensor'>;
  readonly s?: Uint8Array;
  readonly i?: number;
  readonly f?: number;
  readonly b?: boolean;
  readonly type?: number;
  readonly shape?: Shape;
  readonly tensor?: TensorValue;
}

export interface GraphNode {
  readonly name: string;
  readonly op: string;
  /** `node` or `node:output`. */
  readonly input: readonly string[];
  readonly attr: Readonly<Record<string, AttributeValue>>;
}

/** The GraphDef version of TensorFlow 2.9, the oldest that tfjs-node 4.22 runs on; newer ones read it. */
const graphVersion = 1087;

/** The tag by which the graph is found when it is loaded. */
export const graphTag = 'serve';

export function shapeOf(shape: readonly number[]): Shape {
  return { dim: shape.map((size) => ({ size })) };
}

/** A constant's value. One repeated float is kept once: gradients are full of zeros, of the size of a layer's output. */
export function tensorValue(dtype: number, shape: readonly number[], elements: ArrayBufferView): TensorValue {
  const { buffer, byteOffset, byteLength } = elements;
  const tensor = { dtype, tensor_shape: shapeOf(shape) };
  if (elements instanceof Float32Array && elements.length > 1) {
    const [first] = elements;
    // Object.is distinguishes 0 from -0; a NaN stays in bytes, since a number would not keep its payload.
    if (!Number.isNaN(first) && elements.every((element) => Object.is(element, first))) return { ...tensor, float_val: [first!] };
  }
  // A copy, since the memory may be written again.
  return { ...tensor, tensor_content: new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength)) };
}

/** The bytes of `saved_model.pb`. Equal nodes give equal bytes. */
export function encodeSavedModel(nodes: readonly GraphNode[]): Uint8Array {
  const graph = {
    meta_info_def: { tags: [graphTag], tensorflow_version: '2.9.1' },
    graph_def: { node: nodes, versions: { producer: graphVersion } },
  };
  return savedModelType.encode(savedModelType.fromObject({ saved_model_schema_version: 1, meta_graphs: [graph] })).finish();
}
