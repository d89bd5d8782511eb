/**
 * Attributes of TensorFlow ops: from the form in which tfjs-node's kernels give them to the form in which graphs hold them.
 *
 * Responsible for: that translation. Not responsible for: attributes that a kernel leaves out; only eager execution infers those.
 */
import type { AttributeValue } from './graph-def.ts';
import { shapeOf } from './graph-def.ts';
import type { Addon, OpAttribute } from './tfjs-node.ts';

export function toAttributes(addon: Addon, attributes: readonly OpAttribute[]): Record<string, AttributeValue> {
  return Object.fromEntries(attributes.map((attribute) => [attribute.name, toAttribute(addon, attribute)]));
}

function toAttribute(addon: Addon, { name, type, value }: OpAttribute): AttributeValue {
  const member = memberOf(addon, type);
  if (member === undefined) throw new Error(`attribute '${name}' has the type ${type}, which the addon does not know`);
  // A shape is itself an array; the addon has no lists of shapes.
  if (member === 'shape') return { shape: shapeOf(value as number[]) };
  if (Array.isArray(value)) return { list: { [member]: value.map((each) => convert(member, each)) } };
  return { [member]: convert(member, value) };
}

function memberOf(addon: Addon, type: number): keyof AttributeValue | undefined {
  const members = new Map<number, keyof AttributeValue>([
    [addon.TF_ATTR_STRING, 's'],
    [addon.TF_ATTR_INT, 'i'],
    [addon.TF_ATTR_FLOAT, 'f'],
    [addon.TF_ATTR_BOOL, 'b'],
    [addon.TF_ATTR_TYPE, 'type'],
    [addon.TF_ATTR_SHAPE, 'shape'],
  ]);
  return members.get(type);
}

function convert(member: keyof AttributeValue, value: unknown): unknown {
  return member === 's' ? Buffer.from(value as string) : value;
}
