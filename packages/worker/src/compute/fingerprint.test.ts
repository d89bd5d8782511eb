import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import type { Recipe, Tf } from '@lockstep/shared';
import { defineRecipe, LockstepError } from '@lockstep/shared';
import type { Backend } from '../backends/backend.ts';
import type { Compute } from './compute.ts';
import { createCompute } from './compute.ts';

const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as Tf;
await tf.setBackend('cpu');
const cpu: Backend = { name: 'cpu', device: 'cpu', tf, compile: (eager) => eager };

const regression = defineRecipe({
  name: 'regression',
  batchSize: 6,
  epochs: 1,
  real: { shape: [4], range: [0, 1] },
  inputs: { z: { shape: [4], distribution: 'normal' } },
  networks: {
    line: (library) => library.sequential({ layers: [library.layers.dense({ units: 4, name: 'only', inputShape: [4] })] }),
  },
  phases: [
    {
      name: 'fit',
      updates: 'line',
      inputs: ['real', 'z'],
      loss: ({ tf: library, networks, real, z }) => ({ loss: library.mean(library.squaredDifference(real, networks.line(z))) }),
    },
  ],
  optimizers: { line: { kind: 'sgd', learningRate: 1 } },
  generate: ({ networks, z }) => networks.line(z),
});

function create(recipe: Recipe, shardCount = 4, backend = cpu): Promise<Compute> {
  return createCompute({ backend, recipe, run: { seed: 3, batchSize: 6, shardCount } });
}

async function fingerprintOf(...options: Parameters<typeof create>): Promise<string> {
  return (await create(...options)).fingerprint();
}

function withLoss(wrap: (loss: Recipe['phases'][number]['loss']) => Recipe['phases'][number]['loss']): Recipe {
  return { ...regression, phases: regression.phases.map((phase) => ({ ...phase, loss: wrap(phase.loss) })) };
}

test('equal computations have equal fingerprints; a different loss, shard size or picture gives a different one', async () => {
  const base = await fingerprintOf(regression);
  assert.match(base, /^[0-9a-f]{64}$/);
  assert.equal(await fingerprintOf(regression), base);
  const others = [
    await fingerprintOf(regression, 2),
    await fingerprintOf(withLoss((loss) => (context) => ({ loss: loss(context).loss.mul(1.0000002) }))),
    await fingerprintOf(withLoss((loss) => (context) => ({ ...loss(context), metrics: { one: context.tf.scalar(1) } }))),
    await fingerprintOf({
      ...regression,
      generate: ({ networks, ...inputs }) => networks['line']!((inputs as unknown as { z: never }).z).neg(),
    }),
  ];
  assert.equal(new Set([base, ...others]).size, 5);
});

test('a mode of computing has a fingerprint of its own, even where its bits are the same', async () => {
  const marked: Backend = { ...cpu, mode: 'xla' };
  assert.equal(await fingerprintOf(regression, 4, marked), await fingerprintOf(regression, 4, marked));
  assert.notEqual(await fingerprintOf(regression, 4, marked), await fingerprintOf(regression));
});

test('every shard size of the run is covered', async () => {
  // Six samples in four shards: sizes 2 and 1. A backend that is wrong only at size 1 must differ.
  const erring: Backend = {
    ...cpu,
    compile: (eager) => (inputs) => {
      const outputs = eager(inputs);
      return inputs.inputs['z']!.shape[0] === 1 ? { ...outputs, gradient: outputs.gradient.mul(1.0000002) } : outputs;
    },
  };
  assert.notEqual(await fingerprintOf(regression, 4, erring), await fingerprintOf(regression));
  assert.equal(await fingerprintOf(regression, 3, erring), await fingerprintOf(regression, 3));
});

test('weights that are set are not touched, and no tensor is left behind', async () => {
  const compute = await create(regression);
  const flat = Float32Array.from({ length: 20 }, (_, index) => index / 20);
  compute.setWeights('line', 4, flat);
  const job = { phase: 0, round: 1, shards: [2], samples: Uint8Array.from([1, 2, 3, 4]).fill(9) };
  // Shard 2 has one sample.
  const before = await compute.gradient(job);
  const tensors = compute.tensorCount();
  await compute.fingerprint();
  assert.equal(compute.tensorCount(), tensors);
  assert.equal(compute.version('line'), 4);
  assert.deepEqual(await compute.gradient(job), before);
});

let calls = 0;
const hidden: Record<string, { recipe: Recipe; names: RegExp }> = {
  'a loss that draws noise with TF.js': {
    recipe: withLoss((loss) => (context) => ({ loss: loss(context).loss.mul(context.tf.randomUniform([])) })),
    names: /^Recipe 'regression', phase 'fit' gave two different results/,
  },
  'a metric that depends on what was computed before': {
    recipe: withLoss((loss) => (context) => ({ ...loss(context), metrics: { calls: context.tf.scalar((calls += 1)) } })),
    names: /phase 'fit' gave two different results.*declare them in the recipe's inputs/,
  },
  'pictures that draw noise': {
    recipe: { ...regression, generate: ({ tf: library }) => library.randomNormal([64, 4]) },
    names: /^Recipe 'regression', generate gave two different results/,
  },
};

for (const [what, { recipe, names }] of Object.entries(hidden)) {
  test(`refuses ${what}`, async () => {
    await assert.rejects(fingerprintOf(recipe), (error) => {
      assert.ok(error instanceof LockstepError);
      assert.equal(error.code, 'numerics-mismatch');
      assert.match(error.message, names);
      return true;
    });
  });
}
