import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TensorValue } from './graph-def.ts';
import { encodeSavedModel, tensorValue } from './graph-def.ts';

const shape = (...sizes: number[]) => ({ dim: sizes.map((size) => ({ size })) });

test('a node is encoded with the field numbers of TensorFlow’s own schema', () => {
  const node = { name: 'n', op: 'Relu', input: ['x'], attr: { T: { type: 1 } } };
  const nodeBytes = ['0a016e', '120452656c75', '1a0178', '2a07', '0a0154', '12023001'].join('');
  const graph = `0a${(nodeBytes.length / 2).toString(16).padStart(2, '0')}${nodeBytes}220308bf08`;
  const info = ['0a0e', '22057365727665', '2a05322e392e31'].join('');
  const meta = `${info}12${(graph.length / 2).toString(16).padStart(2, '0')}${graph}`;
  const expected = `080112${(meta.length / 2).toString(16).padStart(2, '0')}${meta}`;
  assert.equal(Buffer.from(encodeSavedModel([node])).toString('hex'), expected);
});

test('equal nodes give equal bytes, and each kind of attribute gives different ones', () => {
  const encode = (attribute: object): string =>
    Buffer.from(encodeSavedModel([{ name: 'n', op: 'O', input: [], attr: { a: attribute } }])).toString('hex');
  const attributes = [
    { s: Buffer.from('SAME') },
    { i: -1 },
    { f: 0.5 },
    { b: true },
    { b: false },
    { type: 3 },
    { shape: shape(2, 3) },
    { list: { i: [1, 2] } },
    { list: { f: [1, 2] } },
    { tensor: tensorValue(1, [], Float32Array.of(2)) },
  ];
  const encoded = attributes.map(encode);
  assert.equal(new Set(encoded).size, attributes.length);
  assert.deepEqual(attributes.map(encode), encoded);
});

const floatValue = (value: TensorValue): readonly number[] | undefined => ('float_val' in value ? value.float_val : undefined);

test('a constant of one repeated float is kept once, to the bit', () => {
  assert.deepEqual(floatValue(tensorValue(1, [3], Float32Array.of(0.1, 0.1, 0.1))), [Math.fround(0.1)]);
  assert.ok(Object.is(floatValue(tensorValue(1, [2], Float32Array.of(-0, -0)))?.[0], -0));
  for (const mixed of [
    Float32Array.of(0, -0),
    Float32Array.of(-0, 0),
    Float32Array.of(NaN, NaN),
    Float32Array.of(1, 2),
    Float32Array.of(7),
  ]) {
    assert.equal(floatValue(tensorValue(1, [mixed.length], mixed)), undefined);
  }
  assert.equal(floatValue(tensorValue(3, [2], Int32Array.of(1, 1))), undefined);
});

test('a constant is copied out of memory that may be written again, and only its own part of it', () => {
  const memory = Int32Array.of(1, 2, 3, 4);
  const value = tensorValue(3, [2], memory.subarray(1, 3));
  memory.fill(9);
  assert.deepEqual('tensor_content' in value && [...new Int32Array(value.tensor_content.buffer)], [2, 3]);
});
