import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor } from '@lockstep/shared';
import { LockstepError } from '@lockstep/shared';
import { requireEqual } from './compare.ts';
import type { Addon, NodeBackend, OpInput } from './tfjs-node.ts';
import type { Graph } from './trace.ts';
import { trace } from './trace.ts';

type Fake = OpInput & { readonly dataId: object };

const tensor = (shape: number[] = [2], dtype = 'float32'): Fake => ({ dataId: {}, shape, dtype });

/** A backend whose ops compute nothing: each gives tensors of its first input's shape. */
class FakeBackend {
  readonly binding = { TF_ATTR_STRING: 0, TF_ATTR_INT: 1, TF_ATTR_FLOAT: 2, TF_ATTR_BOOL: 3, TF_ATTR_TYPE: 4, TF_ATTR_SHAPE: 5 } as Addon;
  readonly values = new Map<object, ArrayBufferView>();

  constant(values: ArrayBufferView, dtype = 'float32'): Fake {
    const made = tensor([values.byteLength / 4], dtype);
    this.values.set(made.dataId, values);
    return made;
  }
  executeSingleOutput(_name: string, _attributes: unknown, inputs: readonly OpInput[]): Fake {
    return tensor([...(inputs[0]?.shape ?? [])]);
  }
  executeMultipleOutputs(_name: string, _attributes: unknown, inputs: readonly OpInput[], count: number): Fake[] {
    return Array.from({ length: count }, () => tensor([...inputs[0]!.shape]));
  }
  readSync(dataId: object): ArrayBufferView {
    return this.values.get(dataId) ?? new Float32Array(2);
  }
  async read(dataId: object): Promise<ArrayBufferView> {
    return this.readSync(dataId);
  }
}

const run = (fake: FakeBackend, inputs: readonly Fake[], body: (backend: NodeBackend) => readonly OpInput[]): Graph => {
  const backend = fake as unknown as NodeBackend;
  return trace(backend, inputs as unknown as Tensor[], () => body(backend) as unknown as Tensor[]);
};

const refusedWith =
  (code: string, sentence: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof LockstepError);
    assert.equal(error.code, code);
    assert.match(error.message, sentence);
    return true;
  };

test('ops become nodes, inputs placeholders, literals constants, and every output a node of its own', () => {
  const fake = new FakeBackend();
  const [used, unused] = [tensor([2]), tensor([5])];
  const graph = run(fake, [unused, used], (backend) => {
    const [low, high] = backend.executeMultipleOutputs('Split', [{ name: 'N', type: 1, value: 2 }], [used], 2);
    const sum = backend.executeSingleOutput('Add', [{ name: 'T', type: 4, value: 1 }], [high!, fake.constant(Float32Array.of(1, 2))]);
    return [sum, low!, used, sum];
  });
  assert.deepEqual(
    graph.nodes.map(({ name, op, input }) => [name, op, ...input]),
    [
      ['input1', 'Placeholder'],
      ['op1', 'Split', 'input1'],
      ['constant2', 'Const'],
      ['op3', 'Add', 'op1:1', 'constant2'],
      ['output4', 'Identity', 'op3'],
      ['output5', 'Identity', 'op1'],
      ['output6', 'Identity', 'input1'],
      ['output7', 'Identity', 'op3'],
    ],
  );
  assert.deepEqual(graph.nodes[1]!.attr, { N: { i: 2 } });
  assert.deepEqual(graph.inputs, [undefined, 'input1']);
  assert.deepEqual(graph.outputs, ['output4', 'output5', 'output6', 'output7']);
});

test('the backend is restored afterwards, even if the run throws', () => {
  const fake = new FakeBackend();
  run(fake, [], (backend) => [backend.executeSingleOutput('Fill', [], [])]);
  assert.throws(() => run(fake, [], () => assert.fail('the run failed')), /the run failed/);
  assert.deepEqual(Object.keys(fake), ['binding', 'values']);
});

test('reading an input or anything computed is refused; reading a literal is not', () => {
  const fake = new FakeBackend();
  const input = tensor();
  const refused = refusedWith('recipe-invalid', /reads a tensor's value.*--execution eager/);
  assert.throws(() => run(fake, [input], (backend) => (backend.readSync(input.dataId), [])), refused);
  assert.throws(() => run(fake, [input], (backend) => (void backend.read(input.dataId), [])), refused);
  assert.throws(
    () => run(fake, [input], (backend) => (backend.readSync(backend.executeSingleOutput('Neg', [], [input]).dataId), [])),
    refused,
  );
  const literal = fake.constant(Float32Array.of(3, 4));
  run(fake, [input], (backend) => {
    assert.deepEqual(backend.readSync(literal.dataId), Float32Array.of(3, 4));
    return [backend.executeSingleOutput('Neg', [], [literal])];
  });
});

test('an int64 scalar is a constant, a complex tensor is refused', () => {
  const fake = new FakeBackend();
  const graph = run(fake, [], (backend) => [
    backend.executeSingleOutput('Cast', [], [{ shape: [], dtype: 'int64', valueArray: Int32Array.of(5, 0) }]),
  ]);
  assert.deepEqual(graph.nodes[0]!.attr['dtype'], { type: 9 });
  const complex = refusedWith('recipe-invalid', /complex64 tensors cannot be compiled/);
  assert.throws(
    () => run(fake, [tensor([2], 'complex64')], (backend) => [backend.executeSingleOutput('Neg', [], [tensor([2], 'complex64')])]),
    complex,
  );
});

test('two traces must be identical: a different constant is hidden randomness, different operations are control flow', () => {
  const graph = (value: number, ...ops: string[]): Graph => {
    const fake = new FakeBackend();
    return run(fake, [], (backend) => {
      let last: OpInput = fake.constant(Float32Array.of(value, 1));
      for (const op of ops) last = backend.executeSingleOutput(op, [], [last]);
      return [last];
    });
  };
  requireEqual(graph(1, 'Neg', 'Exp'), graph(1, 'Neg', 'Exp'));
  assert.throws(() => requireEqual(graph(1, 'Neg'), graph(2, 'Neg')), refusedWith('numerics-mismatch', /changes from call to call/));
  const differs = refusedWith('recipe-invalid', /\(Exp in one call and Log in the next\)/);
  assert.throws(() => requireEqual(graph(1, 'Neg', 'Exp'), graph(1, 'Neg', 'Log')), differs);
  assert.throws(
    () => requireEqual(graph(1, 'Neg', 'Exp'), graph(1, 'Neg')),
    refusedWith('recipe-invalid', /\(Exp in one call and Identity in the next\)/),
  );
});
