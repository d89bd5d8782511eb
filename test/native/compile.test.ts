/** Compiled phases on the real addon: the same bits as eager ones, refusals of what a graph would fix, and nothing left behind. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Tensor4D } from '@tensorflow/tfjs';
import type { Recipe, Tensor, Tf } from '@lockstep/shared';
import { initialFlat, inputRows, LockstepError } from '@lockstep/shared';
import { gan } from '../../packages/shared/src/recipe/built-in/gan.ts';
import type { PhaseFunction, PhaseInputs } from '../../packages/worker/src/backends/backend.ts';
import { compilePhase } from '../../packages/worker/src/backends/compile/index.ts';
import { nodeBackendOf } from '../../packages/worker/src/backends/compile/tfjs-node.ts';
import { hasOp, requireXla } from '../../packages/worker/src/backends/compile/xla.ts';
import type { Evaluator } from '../../packages/worker/src/compute/evaluate.ts';
import { createEvaluator } from '../../packages/worker/src/compute/evaluate.ts';
import { buildNetworks } from '../../packages/worker/src/networks/networks.ts';
import { loadNative } from './tensorflow.ts';

interface NativeCounts {
  getNumOfTensors(): number;
  getNumOfSavedModels(): number;
}

const addonOf = (tf: Tf): NativeCounts => (tf.backend() as unknown as { binding: NativeCounts }).binding;

const ganWithSlope = (slope: number): Recipe =>
  gan({
    name: 'gan',
    generatorSlope: slope,
    discriminatorSlope: slope,
    batchSize: 34,
    epochs: 1,
    optimizer: { kind: 'adam', learningRate: 1e-3 },
  });

function rowsFor(recipe: Recipe, inputs: readonly string[], count: number, round: number): Record<string, Float32Array> {
  const pixels = recipe.real!.shape.reduce((product, size) => product * size, 1);
  const all: Record<string, Float32Array> = {
    real: Float32Array.from({ length: count * pixels }, (_, index) => Math.sin(index * (round + 1))),
    z: inputRows(recipe.inputs['z']!, 7, 3, round, 0, count),
  };
  return Object.fromEntries(inputs.map((input) => [input, all[input]!]));
}

for (const slope of [0, 0.2]) {
  test(`gan with slope ${slope}: compiled equals eager bit for bit, for both shard sizes, new inputs and new weights`, async (context) => {
    const tf = await loadNative(context);
    if (!tf) return;
    const recipe = ganWithSlope(slope);
    const networks = buildNetworks(tf, recipe);
    const evaluatorWith = (compile: (eager: PhaseFunction) => PhaseFunction): Evaluator =>
      createEvaluator({ name: 'tensorflow', device: '', tf, compile }, recipe, networks, recipe.batchSize);
    const [eager, compiled] = [evaluatorWith((phase) => phase), evaluatorWith((phase) => compilePhase(tf, phase))];
    for (const round of [0, 1, 2]) {
      const weights = Object.fromEntries(
        Object.entries(networks).map(([name, network]) => [name, network.split(initialFlat(network.manifest, round, 1))]),
      );
      for (const [index, phase] of recipe.phases.entries()) {
        for (const count of [9, 8]) {
          const rows = rowsFor(recipe, phase.inputs, count, round);
          const wanted = await eager.phase(index, count, weights, rows, assert.fail);
          const found = await compiled.phase(index, count, weights, rows, assert.fail);
          assert.ok(wanted.flat.some((value) => value !== 0));
          assert.deepEqual(Buffer.from(found.flat.buffer), Buffer.from(wanted.flat.buffer));
          assert.deepEqual({ loss: found.loss, metrics: found.metrics }, { loss: wanted.loss, metrics: wanted.metrics });
        }
      }
      for (const tensor of Object.values(weights).flat()) tensor.dispose();
    }
  });
}

test('gan through XLA: within 1e-6 of the norm of eager, bits that differ from those without XLA, and the same bits from every new session', async (context) => {
  const tf = await loadNative(context);
  if (!tf) return;
  const recipe = ganWithSlope(0.2);
  const networks = buildNetworks(tf, recipe);
  const evaluatorWith = (compile: (eager: PhaseFunction) => PhaseFunction): Evaluator =>
    createEvaluator({ name: 'tensorflow', device: '', tf, compile }, recipe, networks, recipe.batchSize);
  const eager = evaluatorWith((phase) => phase);
  const [xla, again] = [0, 1].map(() => evaluatorWith((phase) => compilePhase(tf, phase, { xla: true })));
  const weights = Object.fromEntries(
    Object.entries(networks).map(([name, network]) => [name, network.split(initialFlat(network.manifest, 4, 1))]),
  );
  for (const [index, phase] of recipe.phases.entries()) {
    const rows = rowsFor(recipe, phase.inputs, 9, 2);
    const run = (evaluator: Evaluator): ReturnType<Evaluator['phase']> => evaluator.phase(index, 9, weights, rows, assert.fail);
    const [wanted, found, repeated] = [await run(eager), await run(xla!), await run(again!)];
    assertClose(found.flat, wanted.flat);
    assertClose(Float32Array.of(found.loss), Float32Array.of(wanted.loss));
    // If these were equal, TensorFlow would have left XLA out.
    assert.notDeepEqual(Buffer.from(found.flat.buffer), Buffer.from(wanted.flat.buffer));
    assert.deepEqual(repeated, found);
  }
  for (const tensor of Object.values(weights).flat()) tensor.dispose();
});

test('whether TensorFlow has XLA is found out without running anything', async (context) => {
  const tf = await loadNative(context);
  if (!tf) return;
  requireXla(tf);
  assert.equal(hasOp(nodeBackendOf(tf), 'NoSuchOperation'), false);
});

/** An eager phase of one network: the gradient of `loss` for all weights. */
function phaseOf(tf: Tf, loss: (weights: readonly Tensor[], inputs: PhaseInputs['inputs']) => Tensor): PhaseFunction {
  return ({ weights, inputs }) => {
    const given = [...weights['network']!];
    const { value, grads } = tf.valueAndGrads((...parameters: Tensor[]) => loss(parameters, inputs))(given);
    return { gradient: tf.concat(grads.map((gradient) => gradient.reshape([-1]))), loss: value, metrics: {} };
  };
}

function runPhase(tf: Tf, phase: PhaseFunction, inputs: PhaseInputs): Float32Array {
  return tf.tidy(() => {
    const { gradient, loss } = phase(inputs);
    return Float32Array.of(...gradient.dataSync(), ...loss.dataSync());
  });
}

function assertClose(found: Float32Array, wanted: Float32Array, tolerance = 1e-6): void {
  const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  assert.equal(found.length, wanted.length);
  assert.ok(norm(wanted) > 0);
  const difference = norm(found.map((value, index) => value - wanted[index]!));
  assert.ok(difference <= tolerance * norm(wanted), `the difference's norm is ${difference} of ${norm(wanted)}`);
}

const losses: Record<string, (tf: Tf) => Parameters<typeof phaseOf>[1]> = {
  'convolutions, upsampling and pooling':
    (tf) =>
    ([filter, transposed], { x }) => {
      const image = x!.as4D(5, 6, 6, 1);
      const hidden = tf.leakyRelu<Tensor4D>(tf.conv2d(image, filter!.as4D(3, 3, 1, 4), 2, 'same'), 0.2);
      const larger = tf.conv2dTranspose<Tensor4D>(hidden, transposed!.as4D(3, 3, 1, 4), image.shape, 2, 'same');
      const pooled = tf.avgPool(tf.image.resizeNearestNeighbor<Tensor4D>(larger, [12, 12]), 2, 2, 'valid');
      return tf.mean(tf.square(tf.sub(tf.tanh(pooled), image)));
    },
  'normalisation, softmax and a logarithm':
    (tf) =>
    ([weights], { x }) => {
      const features = tf.matMul(x!.as2D(20, 9), weights!.as2D(9, 4));
      const { mean, variance } = tf.moments(features, 0);
      const normal = tf.div(tf.sub(features, mean), tf.sqrt(tf.add(variance, 1e-3)));
      const leaky = tf.sub(tf.relu(normal), tf.mul(0.1, tf.relu(tf.neg(normal))));
      return tf.neg(tf.mean(tf.log(tf.add(tf.softmax(leaky), 1e-6))));
    },
  'a gradient penalty, which needs second derivatives':
    (tf) =>
    ([weights], { x }) => {
      const score = (input: Tensor): Tensor => tf.sum(tf.softplus(tf.matMul(input.as2D(20, 9), weights!.as2D(9, 4))));
      const slopes = tf.grad(score)(x!.as2D(20, 9));
      return tf.mean(tf.square(tf.sub(tf.sqrt(tf.add(tf.sum(tf.square(slopes), 1), 1e-8)), 1)));
    },
};

for (const [name, make] of Object.entries(losses)) {
  for (const xla of [false, true])
    test(`${name}: compiled${xla ? ' by XLA' : ''} equals eager within 1e-6 of the norm`, async (context) => {
      const tf = await loadNative(context);
      if (!tf) return;
      const eager = phaseOf(tf, make(tf));
      const compiled = compilePhase(tf, eager, { xla });
      const values = (length: number, start: number): Float32Array =>
        Float32Array.from({ length }, (_, index) => Math.sin(start + 2.7 * index));
      const used = name.startsWith('convolutions') ? 2 : 1;
      for (const round of [0, 1]) {
        tf.tidy(() => {
          const weights = [tf.tensor(values(36, round), [3, 3, 1, 4]), tf.tensor(values(36, 5 + round), [3, 3, 1, 4])].slice(0, used);
          const inputs = { weights: { network: weights }, inputs: { x: tf.tensor(values(5 * 36, 9 + round), [5, 36]) } };
          assertClose(runPhase(tf, compiled, inputs), runPhase(tf, eager, inputs));
        });
      }
    });
}

test('what a graph would fix is refused: randomness, state, control flow, and reading values', async (context) => {
  const tf = await loadNative(context);
  if (!tf) return;
  let calls = 0;
  const cases: [string, RegExp, Parameters<typeof phaseOf>[1]][] = [
    ['numerics-mismatch', /changes from call to call/, ([w], { x }) => tf.mean(tf.mul(tf.add(w!, tf.randomNormal([3])), x!))],
    ['numerics-mismatch', /changes from call to call/, ([w], { x }) => tf.mean(tf.mul(tf.mul(w!, calls++), x!))],
    ['recipe-invalid', /same operations every time/, ([w], { x }) => tf.mean(tf.mul(calls++ % 2 ? tf.sin(w!) : tf.cos(w!), x!))],
    ['recipe-invalid', /reads a tensor's value/, ([w], { x }) => tf.mean(tf.mul(x!.dataSync()[0]! > 0 ? tf.sin(w!) : w!, x!))],
    ['recipe-invalid', /reads a tensor's value/, ([w], { x }) => (void x!.data(), tf.mean(tf.mul(w!, x!)))],
  ];
  const before = tf.memory().numTensors;
  for (const [code, sentence, loss] of cases) {
    const phase = compilePhase(tf, phaseOf(tf, loss));
    tf.tidy(() => {
      const inputs = { weights: { network: [tf.tensor([1, 2, 3])] }, inputs: { x: tf.tensor([4, 5, 6]) } };
      assert.throws(
        () => phase(inputs),
        (error) => error instanceof LockstepError && error.code === code && sentence.test(error.message) && !error.message.includes('\n'),
      );
    });
  }
  assert.equal(tf.memory().numTensors, before);
});

test('sessions are bounded, evicted ones are rebuilt correctly, and no tensor, session or file is left over', async (context) => {
  const tf = await loadNative(context);
  if (!tf) return;
  const temporary = mkdtempSync(join(tmpdir(), 'lockstep-compile-test-'));
  context.after(() => rmSync(temporary, { recursive: true }));
  process.env['TMPDIR'] = temporary;
  const phase = compilePhase(
    tf,
    phaseOf(tf, ([w], { x }) => tf.mean(tf.mul(w!, x!))),
  );
  const weight = tf.tensor([1, 2, 3]);
  const gradientOf = (rows: number): number => {
    return tf.tidy(() => runPhase(tf, phase, { weights: { network: [weight] }, inputs: { x: tf.mul(tf.ones([rows, 3]), rows) } })[0]!);
  };
  const sessionsBefore = addonOf(tf).getNumOfSavedModels();
  gradientOf(1);
  const [tensors, native] = [tf.memory().numTensors, addonOf(tf).getNumOfTensors()];
  for (let call = 0; call < 200; call += 1) {
    const rows = call < 100 ? 1 : 1 + (call % 7);
    assert.ok(Math.abs(gradientOf(rows) - rows / 3) < 1e-6);
  }
  assert.equal(addonOf(tf).getNumOfSavedModels() - sessionsBefore, 4);
  assert.deepEqual([tf.memory().numTensors, addonOf(tf).getNumOfTensors()], [tensors, native]);
  assert.deepEqual(readdirSync(temporary), []);
  weight.dispose();
});

test('20,000 calls with new inputs each leave no memory behind', async (context) => {
  const tf = await loadNative(context);
  if (!tf) return;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const phase = compilePhase(
    tf,
    phaseOf(tf, ([w], { x }) => tf.mean(tf.softplus(tf.matMul(x!.as2D(16, 8), w!.as2D(8, 8))))),
  );
  const values = (length: number, value: number): Float32Array => Float32Array.from({ length }, () => value);
  const residentMegabytes: number[] = [];
  for (let call = 0; call < 20_000; call += 1) {
    tf.tidy(() => {
      const weight = tf.tensor(values(64, 0.1), [8, 8]);
      runPhase(tf, phase, { weights: { network: [weight] }, inputs: { x: tf.tensor(values(128, call % 7), [16, 8]) } });
    });
    if (call % 200 !== 0) continue;
    collect();
    await setImmediate(); // lets finalizers run
    residentMegabytes.push(process.memoryUsage.rss() / 1e6);
  }
  const middleOf = (third: number): number => {
    const size = Math.floor(residentMegabytes.length / 3);
    return residentMegabytes.slice(third * size, (third + 1) * size).toSorted((left, right) => left - right)[size >> 1]!;
  };
  assert.ok(middleOf(2) <= middleOf(1) + 5, `megabytes: ${residentMegabytes.map((value) => value.toFixed(0)).join(' ')}`);
});
