import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Tensor, Tf } from '@lockstep/shared';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { evaluate, normal, type Outcome, referenceTf } from '../testing/evaluate.ts';
import { loadWasm } from '../wasm.ts';

const shapes = [[], [1], [33], [7, 1], [5, 13], [2, 3, 3, 4]];
const slopes = [0, 0.2, 1, -0.5];
const leaky = shapes.flatMap((shape) =>
  slopes.map((slope) => ({ name: `[${shape.join()}] ${slope}`, inputs: [shape], compute: (tf: Tf, x: Tensor) => tf.leakyRelu(x, slope) })),
);

let tf: Tf;
let stock: Outcome[];
before(async () => {
  // TF.js's own wasm kernels, before any repair.
  tf = await referenceTf();
  await import('@tensorflow/tfjs-backend-wasm');
  await tf.setBackend('wasm');
  stock = [];
  for (const each of leaky) stock.push(await evaluate(tf, each));
  await loadWasm();
});

describe('LeakyRelu on wasm', () => {
  it("has the bits of TF.js's own kernel and gradient", async () => {
    // Except for the sign of zero: adding 0 makes both zeros the same.
    const bits = ({ shape, value, gradients }: Outcome) => [
      shape,
      ...[value, ...gradients].map((each) => each.map((element) => element + 0)),
    ];
    for (const [index, each] of leaky.entries()) assert.deepEqual(bits(await evaluate(tf, each)), bits(stock[index]!), each.name);
  });

  it('keeps NaN, infinities and denormals', () => {
    const values = [NaN, Infinity, -Infinity, 0, 1e-40, -1e-40];
    const result = tf.tidy(() => tf.leakyRelu(tf.tensor1d(values), 0.5).dataSync());
    assert.deepEqual([...result], [NaN, Infinity, -Infinity, 0, Math.fround(1e-40), Math.fround(-5e-41)]);
  });

  it('can be differentiated twice, as a gradient penalty needs', () => {
    const second = tf.tidy(() => {
      const slope = tf.grad((x) => tf.sum(tf.leakyRelu(tf.mul(x, x), 0.2)));
      return tf
        .grad((x) => tf.sum(slope(x)))(tf.tensor1d([3, -4]))
        .dataSync();
    });
    assert.deepEqual([...second], [2, 2]);
  });

  it('leaves nothing behind', () => {
    const backend = tf.backend() as unknown as BackendWasm;
    const counts = [tf.memory().numTensors, backend.numDataIds()];
    for (let count = 0; count < 20; count += 1) tf.tidy(() => void tf.grad((x) => tf.sum(tf.leakyRelu(x, 0.2)))(normal(tf, [9, 9], 0)));
    assert.deepEqual([tf.memory().numTensors, backend.numDataIds()], counts);
  });
});

describe('Identity on wasm', () => {
  it('shares the elements until the last clone is gone', () => {
    const backend = tf.backend() as unknown as BackendWasm;
    const counts = [tf.memory().numTensors, backend.numDataIds()];
    const original = tf.tensor1d([1, 2, 3]);
    const clone = original.clone();
    assert.equal(backend.numDataIds(), counts[1]! + 1);
    original.dispose();
    assert.deepEqual([...clone.dataSync()], [1, 2, 3]);
    clone.dispose();
    assert.deepEqual([tf.memory().numTensors, backend.numDataIds()], counts);
  });
});
