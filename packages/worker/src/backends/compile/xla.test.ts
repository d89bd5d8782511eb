import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOlder, setXlaFlags, withXla } from './xla.ts';

test('every node but the inputs is given to XLA, with its other attributes', () => {
  const graph = {
    nodes: [
      { name: 'input0', op: 'Placeholder', input: [], attr: { dtype: { type: 1 } } },
      { name: 'op1', op: 'Neg', input: ['input0'], attr: { T: { type: 1 } } },
    ],
    outputs: ['op1'],
  };
  assert.deepEqual(withXla(graph), {
    nodes: [graph.nodes[0], { name: 'op1', op: 'Neg', input: ['input0'], attr: { T: { type: 1 }, _XlaCompile: { b: true } } }],
    outputs: ['op1'],
  });
});

test('versions are compared as numbers', () => {
  const older = ['2.9.1', '2.14.0', '1.99.0'];
  const newEnough = ['2.15.0', '2.21.0', '3.0.0', '2.16.0-rc1'];
  for (const version of older) assert.equal(isOlder(version, [2, 15]), true, version);
  for (const version of newEnough) assert.equal(isOlder(version, [2, 15]), false, version);
});

test("flags are added to the user's own, once", (context) => {
  const before = process.env['XLA_FLAGS'];
  context.after(() => (before === undefined ? delete process.env['XLA_FLAGS'] : (process.env['XLA_FLAGS'] = before)));
  process.env['XLA_FLAGS'] = '--mine=1';
  setXlaFlags(['--ours=2']);
  setXlaFlags(['--ours=2']);
  assert.equal(process.env['XLA_FLAGS'], '--mine=1 --ours=2');
  delete process.env['XLA_FLAGS'];
  setXlaFlags([]);
  assert.equal(process.env['XLA_FLAGS'], undefined);
});
