import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import type { Apply, LayersModel, Recipe, Tensor, Tf } from '@lockstep/shared';
import { cover, defineRecipe, initialFlat, LockstepError, sequence, shardSizes, streams, sumInto } from '@lockstep/shared';
import type { Backend } from '../backends/backend.ts';
import type { Compute } from './compute.ts';
import { createCompute } from './compute.ts';

const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as Tf;
await tf.setBackend('cpu');
const cpu: Backend = { name: 'cpu', device: 'cpu', tf, compile: (eager) => eager };

/** A GAN of 4 pixels, small enough for TF.js's plain JavaScript backend. Nonlinear, so that gradients depend on everything. */
const tiny = defineRecipe({
  name: 'tiny',
  batchSize: 10,
  epochs: 1,
  real: { shape: [2, 2], range: [-1, 1] },
  inputs: { dice: { shape: [1], distribution: 'uniform' }, z: { shape: [3], distribution: 'normal' } },
  networks: {
    generator: (library) =>
      library.sequential({
        layers: [
          library.layers.dense({ units: 5, activation: 'tanh', name: 'hidden', inputShape: [3] }),
          library.layers.dense({ units: 4, activation: 'tanh', name: 'output' }),
          library.layers.reshape({ targetShape: [2, 2], name: 'picture' }),
        ],
      }),
    discriminator: (library) =>
      library.sequential({
        layers: [
          library.layers.flatten({ inputShape: [2, 2], name: 'pixels' }),
          library.layers.dense({ units: 6, activation: 'sigmoid', name: 'hidden' }),
          library.layers.dense({ units: 1, name: 'output' }),
        ],
      }),
  },
  phases: [
    {
      name: 'discriminator',
      updates: 'discriminator',
      inputs: ['real', 'z', 'dice'],
      loss({ tf: library, networks, real, z, dice }) {
        const score = networks.discriminator(real);
        const fake = networks.discriminator(networks.generator(z));
        return {
          loss: library.softplus(score.neg()).mean().add(library.softplus(fake).mean()),
          metrics: { score: score.mean(), dice: dice.mean() },
        };
      },
    },
    {
      name: 'generator',
      updates: 'generator',
      inputs: ['z'],
      loss: ({ tf: library, networks, z }) => ({ loss: library.softplus(networks.discriminator(networks.generator(z)).neg()).mean() }),
    },
  ],
  optimizers: { generator: { kind: 'sgd', learningRate: 1 }, discriminator: { kind: 'sgd', learningRate: 1 } },
  generate: ({ networks, z }) => networks.generator(z),
});

interface Options {
  readonly recipe?: Recipe;
  readonly seed?: number;
  readonly batchSize?: number;
  readonly shardCount?: number;
  readonly backend?: Backend;
}

/** A compute with initial weights of version 0. */
async function ready({ recipe = tiny, seed = 7, batchSize = 10, shardCount = 4, backend = cpu }: Options = {}): Promise<Compute> {
  const compute = await createCompute({ backend, recipe, run: { seed, batchSize, shardCount } });
  for (const [network, manifest] of Object.entries(compute.manifests)) {
    compute.setWeights(network, 0, initialFlat(manifest, seed, streams.initialWeights));
  }
  return compute;
}

/** Pixels of the batch's positions, and of the shards of a job. */
const next = sequence(1, 2, 3, 4);
const batch = Uint8Array.from({ length: 10 * 4 }, () => next() & 0xff);
function samplesOf(shards: readonly number[], batchSize: number, shardCount: number): Uint8Array {
  const sizes = shardSizes(batchSize, shardCount);
  const bytes: number[] = [];
  let start = 0;
  sizes.forEach((size, shard) => {
    if (shards.includes(shard)) bytes.push(...batch.subarray(start * 4, (start + size) * 4));
    start += size;
  });
  return Uint8Array.from(bytes);
}

test('shards are pre-summed into the fewest nodes, in the tree that the coordinator uses', async () => {
  for (const shardCount of [1, 2, 3, 5, 6]) {
    const compute = await ready({ shardCount });
    const all = Array.from({ length: shardCount }, (_, shard) => shard);
    const alone: Float32Array[] = [];
    for (const shard of all) {
      const { nodes, flats } = await compute.gradient({ phase: 0, round: 3, shards: [shard], samples: samplesOf([shard], 10, shardCount) });
      assert.deepEqual(nodes, cover([shard], shardCount));
      alone.push(flats[0]!);
    }
    for (let mask = 1; mask < 2 ** shardCount; mask += 1) {
      const shards = all.filter((shard) => (mask >> shard) & 1);
      const answer = await compute.gradient({
        phase: 0,
        round: 3,
        shards: shards.toReversed(),
        samples: samplesOf(shards, 10, shardCount),
      });
      assert.deepEqual(answer.nodes, cover(shards, shardCount));
      assert.deepEqual(
        answer.flats,
        answer.nodes.map((node) => levelByLevel(alone, node.level, node.index)),
        `shards ${shards.join(',')} of ${shardCount}`,
      );
      assert.deepEqual(
        answer.outcomes.map(({ shard }) => shard),
        shards,
      );
    }
    compute.dispose();
  }
});

/** The tree again, written differently: whole levels from the leaves up. */
function levelByLevel(leaves: readonly Float32Array[], level: number, index: number): Float32Array {
  let current: Float32Array[] = leaves.map((leaf) => leaf.slice());
  for (let step = 0; step < level; step += 1) {
    const above: Float32Array[] = [];
    for (let left = 0; left < current.length; left += 2) {
      if (left + 1 < current.length) sumInto(current[left]!, current[left]!, current[left + 1]!);
      above.push(current[left]!);
    }
    current = above;
  }
  return current[index]!;
}

test('gradients are weighted by the shard, losses and metrics are not', async () => {
  const whole = await ready({ batchSize: 10, shardCount: 1 });
  const halves = await ready({ batchSize: 10, shardCount: 2 });
  const answer = await halves.gradient({ phase: 0, round: 0, shards: [0, 1], samples: batch });
  const expected = await whole.gradient({ phase: 0, round: 0, shards: [0], samples: batch });
  const mean = (answer.outcomes[0]!.loss + answer.outcomes[1]!.loss) / 2;
  assert.ok(Math.abs(mean - expected.outcomes[0]!.loss) < 1e-6);
  assert.equal(answer.flats.length, 1);
  answer.flats[0]!.forEach((value, index) => assert.ok(Math.abs(value - expected.flats[0]![index]!) < 1e-6));
  assert.deepEqual(Object.keys(answer.outcomes[0]!.metrics), ['score', 'dice']);
});

test('a gradient depends on weights, samples, round, position and seed, and on nothing else', async () => {
  const one = await ready();
  const two = await ready();
  const job = { phase: 0, round: 5, shards: [1], samples: samplesOf([1], 10, 4) };
  const base = await one.gradient(job);
  await two.gradient({ ...job, round: 9 });
  assert.deepEqual(await two.gradient(job), base, 'another process with another history');
  assert.notDeepEqual((await one.gradient({ ...job, round: 6 })).flats, base.flats, 'round');
  assert.notDeepEqual((await one.gradient({ ...job, samples: job.samples.map((pixel) => 255 - pixel) })).flats, base.flats, 'samples');
  const reseeded = await ready();
  const other = await ready({ seed: 8 });
  for (const [network, manifest] of Object.entries(other.manifests))
    other.setWeights(network, 0, initialFlat(manifest, 7, streams.initialWeights));
  assert.deepEqual(await reseeded.gradient(job), base);
  assert.notDeepEqual((await other.gradient(job)).flats, base.flats, 'seed');
  one.setWeights('generator', 1, new Float32Array(one.manifests['generator']!.length).fill(0.1));
  assert.notDeepEqual((await one.gradient(job)).flats, base.flats, 'weights');
});

test('inputs drawn ahead change nothing, whether that round and those shards come or others', async () => {
  const plain = await ready();
  const ahead = await ready();
  for (const [round, shards] of [
    [5, [1]],
    [5, [1, 2]],
    [6, [0, 1]],
  ] as const) {
    for (const phase of [0, 1]) {
      const job = { phase, round, shards, samples: phase === 0 ? samplesOf(shards, 10, 4) : new Uint8Array() };
      ahead.drawAhead({ round: 5, shards: [1, 2] });
      // The second time they have been used already.
      for (let time = 0; time < 2; time += 1) assert.deepEqual(await ahead.gradient(job), await plain.gradient(job));
    }
  }
});

test('a phase that reads no samples gets none', async () => {
  const compute = await ready();
  const answer = await compute.gradient({ phase: 1, round: 0, shards: [0, 1, 2, 3], samples: new Uint8Array() });
  assert.equal(answer.flats[0]!.length, compute.manifests['generator']!.length);
  await assert.rejects(
    compute.gradient({ phase: 0, round: 0, shards: [0], samples: new Uint8Array(5) }),
    /5 bytes of samples for shards 0/,
  );
});

test('weights have versions and must have the right length', async () => {
  const compute = await createCompute({ backend: cpu, recipe: tiny, run: { seed: 1, batchSize: 4, shardCount: 1 } });
  assert.equal(compute.version('generator'), undefined);
  await assert.rejects(
    compute.gradient({ phase: 1, round: 0, shards: [0], samples: new Uint8Array() }),
    /network 'generator' has no weights yet/,
  );
  compute.setWeights('generator', 3, new Float32Array(compute.manifests['generator']!.length));
  assert.equal(compute.version('generator'), 3);
  assert.throws(() => compute.setWeights('generator', 4, new Float32Array(2)), /does not fit/);
  assert.equal(compute.version('generator'), 3, 'a refused flat changes nothing');
  assert.throws(() => compute.setWeights('nobody', 0, new Float32Array(2)), /no network 'nobody'/);
});

test('pictures come from fixed noise: the same in every round, different for another seed, and a prefix if fewer are asked for', async () => {
  const compute = await ready();
  const pictures = await compute.generate({ pictures: 6 });
  assert.equal(pictures.length, 6 * 4);
  await compute.gradient({ phase: 1, round: 4, shards: [0], samples: new Uint8Array() });
  assert.deepEqual(await compute.generate({ pictures: 6 }), pictures);
  assert.deepEqual(await compute.generate({ pictures: 2 }), pictures.slice(0, 8));
  const other = await ready({ seed: 8 });
  for (const [network, manifest] of Object.entries(other.manifests))
    other.setWeights(network, 0, initialFlat(manifest, 7, streams.initialWeights));
  assert.notDeepEqual(await other.generate({ pictures: 6 }), pictures);
});

test('tensors stay constant over 200 steps of weights, both phases and pictures; dispose leaves none', async () => {
  const before = tf.memory().numTensors;
  const compute = await ready();
  const [generator, discriminator] = ['generator', 'discriminator'].map((network) => initialFlat(compute.manifests[network]!, 1, 1));
  const counts = new Set<number>();
  for (let step = 0; step < 200; step += 1) {
    await compute.gradient({ phase: 0, round: step * 2, shards: [0, 1, 3], samples: samplesOf([0, 1, 3], 10, 4) });
    compute.setWeights('discriminator', step, discriminator!.slice());
    await compute.gradient({ phase: 1, round: step * 2 + 1, shards: [0, 1, 3], samples: new Uint8Array() });
    compute.setWeights('generator', step, generator!.slice());
    if (step % 50 === 0) await compute.generate({ pictures: 3 });
    counts.add(compute.tensorCount());
  }
  assert.equal(counts.size, 1);
  compute.dispose();
  assert.equal(compute.tensorCount(), before);
});

test('a phase that updates two networks gives the gradients of two phases that update one each', async () => {
  const phase = tiny.phases[0]!;
  const phases = ['discriminator', 'generator'].map((name) => ({ ...phase, name, updates: name }));
  const both = { ...phase, updates: ['discriminator', 'generator'] };
  const job = { round: 3, shards: [0, 1, 2], samples: samplesOf([0, 1, 2], 10, 4) };
  const apart = await ready({ recipe: { ...tiny, phases } });
  const together = await ready({ recipe: { ...tiny, phases: [both, phase] } });
  const parts = [await apart.gradient({ phase: 0, ...job }), await apart.gradient({ phase: 1, ...job })];
  const whole = await together.gradient({ phase: 0, ...job });
  assert.deepEqual(
    whole.flats.map((flat) => [...flat]),
    parts[0]!.flats.map((flat, node) => [...flat, ...parts[1]!.flats[node]!]),
  );
  assert.deepEqual(whole.outcomes, parts[0]!.outcomes);
  const lengths = Object.values(together.manifests).map(({ length }) => length);
  assert.equal(together.longestGradient, lengths[0]! + lengths[1]!);
  assert.equal(apart.longestGradient, Math.max(...lengths));
});

test('a loss may read the completed steps, which all repetitions of a step share', async () => {
  const loss = ({ networks, z, step }: Context & { readonly step: Tensor }): unknown => {
    const score = networks['discriminator']!(networks['generator']!(z)).mean();
    return { loss: score.mul(step), metrics: { step } };
  };
  const phases = [
    { ...tiny.phases[0]!, repeat: 3 },
    { ...tiny.phases[1]!, inputs: ['z', 'step'], loss: loss as unknown as Loss },
  ];
  const compute = await ready({ recipe: { ...tiny, phases } });
  for (const [round, step] of [
    [3, 0],
    [7, 1],
    [403, 100],
  ] as const) {
    const { outcomes } = await compute.gradient({ phase: 1, round, shards: [0, 3], samples: new Uint8Array() });
    assert.deepEqual(
      outcomes.map(({ metrics }) => metrics['step']),
      [step, step],
    );
  }
  assert.match(await compute.fingerprint(), /^[0-9a-f]{64}$/);
});

test('regularizers of the updated network are added to the loss, once for the batch, and those of others are not', async () => {
  const l2 = 0.25;
  const regularized = (network: 'generator' | 'discriminator'): Recipe => {
    const build = (library: Tf): LayersModel => {
      const model = tiny.networks[network]!(library);
      const config = { kernelRegularizer: library.regularizers.l2({ l2 }) };
      const kept = model.layers.slice(1);
      const first = network === 'generator' ? { units: 5, inputShape: [3] } : { units: 6 };
      const hidden = library.layers.dense({
        ...first,
        activation: network === 'generator' ? 'tanh' : 'sigmoid',
        name: 'hidden',
        ...config,
      });
      return network === 'generator'
        ? library.sequential({ layers: [hidden, ...kept] })
        : library.sequential({ layers: [model.layers[0]!, hidden, model.layers[2]!] });
    };
    return { ...tiny, networks: { ...tiny.networks, [network]: build } };
  };
  const job = { phase: 1, round: 0, shards: [0, 1, 2, 3], samples: new Uint8Array() };
  const plain = await (await ready()).gradient(job);
  const compute = await ready({ recipe: regularized('generator') });
  const found = await compute.gradient(job);
  const kernel = initialFlat(compute.manifests['generator']!, 7, streams.initialWeights).subarray(0, 15);
  const penalty = kernel.reduce((sum, weight) => sum + l2 * weight ** 2, 0);
  found.outcomes.forEach(({ loss }, index) => assert.ok(Math.abs(loss - plain.outcomes[index]!.loss - penalty) < 1e-6));
  found.flats[0]!.forEach((value, index) => {
    const expected = plain.flats[0]![index]! + (index < 15 ? 2 * l2 * kernel[index]! : 0);
    assert.ok(Math.abs(value - expected) < 1e-6, `element ${index}: ${value}, expected ${expected}`);
  });
  assert.deepEqual(await (await ready({ recipe: regularized('discriminator') })).gradient(job), plain);
});

test('a phase is compiled once per shard size', async () => {
  let compilations = 0;
  const backend: Backend = { ...cpu, compile: (eager) => ((compilations += 1), eager) };
  const compute = await ready({ backend });
  for (let round = 0; round < 3; round += 1) {
    await compute.gradient({ phase: 0, round, shards: [0, 1, 2, 3], samples: batch });
    await compute.gradient({ phase: 1, round, shards: [0, 1, 2, 3], samples: new Uint8Array() });
  }
  assert.deepEqual(new Set(shardSizes(10, 4)).size, 2);
  assert.equal(compilations, 4);
});

/** Losses here are written for one recipe; the loop's types know no names. */
type Context = { readonly tf: Tf; readonly networks: Record<string, Apply>; readonly z: Tensor; readonly real?: Tensor };
type Loss = Recipe['phases'][number]['loss'];

test('only the gradients that are needed are computed', async () => {
  let asked = 0;
  const spyOn = (loss: Loss): Loss => {
    const spied = (context: Context): unknown => {
      const watched = context.tf.customGrad((x) => ({ value: (x as Tensor).clone(), gradFunc: (dy) => ((asked += 1), dy.clone()) }));
      const generator = ((z: Tensor) => context.networks['generator']!(watched(z))) as Apply;
      return (loss as unknown as (context: Context) => unknown)({ ...context, networks: { ...context.networks, generator } });
    };
    return spied as unknown as Loss;
  };
  const spied = await ready({ recipe: { ...tiny, phases: tiny.phases.map((phase) => ({ ...phase, loss: spyOn(phase.loss) })) } });
  const plain = await ready();
  const job = { phase: 0, round: 0, shards: [0], samples: samplesOf([0], 10, 4) };
  assert.deepEqual(await spied.gradient(job), await plain.gradient(job));
  await spied.gradient({ phase: 1, round: 0, shards: [0], samples: new Uint8Array() });
  assert.equal(asked, 0, 'the input of the generator has no gradient in either phase');
});

const losses: Record<string, { loss: (context: Context) => unknown; says: RegExp }> = {
  'a loss that is not a scalar': {
    loss: ({ networks, z }) => ({ loss: networks['generator']!(z) }),
    says: /must return \{ loss \} with a float32 scalar/,
  },
  'an async loss': { loss: async () => ({}), says: /must not be async/ },
  'a loss that returns nothing': { loss: () => undefined, says: /must return \{ loss \}/ },
  'a loss that does not reach the updated network': {
    loss: ({ networks, z, tf: library }) => ({ loss: networks['discriminator']!(library.zeros([z.shape[0], 2, 2])).mean() }),
    says: /does not depend on every parameter of 'generator'/,
  },
  'a metric that is not a scalar': {
    loss: ({ networks, z }) => ({ loss: networks['generator']!(z).mean(), metrics: { m: z } }),
    says: /metric 'm' must be/,
  },
  'a metric with a bad name': {
    loss: ({ networks, z }) => ({ loss: networks['generator']!(z).mean(), metrics: { 'a b': z.mean() } }),
    says: /metric 'a b' needs a name/,
  },
  'a typo': { loss: ({ networks, z }) => ({ loss: networks['genrator']!(z).mean() }), says: /phase 'generator' failed: .*not a function/ },
  'a wrong shape': { loss: ({ networks, z }) => ({ loss: networks['discriminator']!(z).mean() }), says: /phase 'generator' failed: / },
};

for (const [what, { loss, says }] of Object.entries(losses)) {
  test(`refuses ${what} before training, and leaks nothing`, async () => {
    const phases = [{ ...tiny.phases[1]!, loss: loss as unknown as Loss }];
    const compute = await createCompute({ backend: cpu, recipe: { ...tiny, phases }, run: { seed: 1, batchSize: 4, shardCount: 2 } });
    await assert.rejects(compute.fingerprint(), (error) => {
      assert.ok(error instanceof LockstepError, String(error));
      assert.equal(error.code, 'recipe-invalid');
      assert.match(error.message, /^Recipe 'tiny', phase 'generator'/);
      assert.match(error.message, says);
      return true;
    });
    compute.dispose();
  });
}

test('pictures of a wrong shape are refused', async () => {
  const compute = await ready({
    recipe: { ...tiny, generate: ({ networks, ...rest }) => networks['generator']!((rest as unknown as Context).z).mean(0) },
  });
  await assert.rejects(
    compute.generate({ pictures: 3 }),
    /generate must return float32 pictures of shape \[3, 2, 2\], not float32 \[2, 2\]/,
  );
});

test('a backend that fails while training says in which phase', async () => {
  let broken = false;
  const backend: Backend = {
    ...cpu,
    compile: (eager) => (inputs) => {
      if (broken) throw new Error('out of memory');
      return eager(inputs);
    },
  };
  const compute = await ready({ backend });
  await compute.fingerprint();
  broken = true;
  await assert.rejects(compute.gradient({ phase: 1, round: 0, shards: [0], samples: new Uint8Array() }), (error) => {
    assert.ok(error instanceof LockstepError);
    assert.equal(error.code, 'compute-failed');
    assert.match(error.message, /phase 'generator': out of memory/);
    return true;
  });
});

test('a loss that cannot be compiled is refused by the names of its recipe and phase', async () => {
  const backend: Backend = {
    ...cpu,
    compile: () => () => {
      throw new LockstepError('recipe-invalid', 'A loss reads a value.');
    },
  };
  const compute = await ready({ backend });
  const refused = compute.gradient({ phase: 1, round: 0, shards: [0], samples: new Uint8Array() });
  await assert.rejects(refused, { code: 'recipe-invalid', message: /^Recipe 'tiny', phase '\w+': A loss reads a value\.$/ });
});

test('pictures are drawn with averages where there are any, and the weights that are held stay', async () => {
  const [compute, other] = [await ready(), await ready()];
  const average = initialFlat(compute.manifests['generator']!, 99, streams.initialWeights);
  other.setWeights('generator', 1, average);
  const before = await compute.generate({ pictures: 3 });
  const tensors = compute.tensorCount();
  assert.deepEqual(await compute.generate({ pictures: 3, averages: { generator: average } }), await other.generate({ pictures: 3 }));
  assert.deepEqual(await compute.generate({ pictures: 3 }), before);
  assert.notDeepEqual(await other.generate({ pictures: 3 }), before);
  assert.equal(compute.tensorCount(), tensors);
});
