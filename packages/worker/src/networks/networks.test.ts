import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import type { LayersModel, Recipe, Tensor, Tf } from '@lockstep/shared';
import { builtInRecipe, LockstepError } from '@lockstep/shared';
import { buildNetworks, manifestsOf } from './networks.ts';

const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as Tf;
await tf.setBackend('cpu');

/** A recipe with one network; nothing but `name` and `networks` is read when networks are built. */
function withNetwork(build: (tf: Tf) => unknown): Recipe {
  return { name: 'test', networks: { net: build as (tf: Tf) => LayersModel } } as unknown as Recipe;
}

function dense(options: object): ReturnType<Tf['layers']['dense']> {
  return tf.layers.dense({ units: 2, name: 'only', inputShape: [3], ...options });
}

test('the manifest of gan lists every parameter back to back, in layer order', () => {
  const networks = buildNetworks(tf, builtInRecipe('gan'));
  const { generator, discriminator } = manifestsOf(networks);
  assert.deepEqual(
    generator!.parameters.map(({ name, shape }) => [name, ...shape].join(' ')),
    [
      'hidden1/kernel 100 128',
      'hidden1/bias 128',
      'hidden2/kernel 128 256',
      'hidden2/bias 256',
      'hidden3/kernel 256 512',
      'hidden3/bias 512',
      'output/kernel 512 784',
      'output/bias 784',
    ],
  );
  let offset = 0;
  for (const parameter of discriminator!.parameters) {
    assert.equal(parameter.offset, offset);
    offset += parameter.shape.reduce((product, dimension) => product * dimension, 1);
  }
  assert.equal(discriminator!.length, offset);
  assert.equal(generator!.length + discriminator!.length, 1_146_001);
  assert.deepEqual(discriminator!.parameters[1]!.initializer, { kind: 'constant', value: 0 });
  for (const network of Object.values(networks)) network.dispose();
});

test('a manifest does not depend on what the process has built before', () => {
  const unnamed = withNetwork((library) => {
    const input = library.input({ shape: [3] });
    const hidden = library.layers.leakyReLU().apply(library.layers.dense({ units: 2, name: 'first' }).apply(input));
    return library.model({ inputs: input, outputs: library.layers.dense({ units: 1, name: 'last' }).apply(hidden) as never });
  });
  const first = manifestsOf(buildNetworks(tf, unnamed));
  buildNetworks(tf, builtInRecipe('gan'));
  assert.deepEqual(manifestsOf(buildNetworks(tf, unnamed)), first);
  assert.match(JSON.stringify(first), /leaky_re_lu_LeakyReLU1/);
});

test('the topology is what tf.loadLayersModel reads', async () => {
  const { discriminator } = buildNetworks(tf, builtInRecipe('gan'));
  const { topology, parameters, length } = discriminator!.manifest;
  const flat = new Float32Array(length).fill(0.01);
  const weightSpecs = parameters.map(({ name, shape }) => ({ name, shape: [...shape], dtype: 'float32' as const }));
  const loaded = await tf.loadLayersModel(tf.io.fromMemory({ modelTopology: topology, weightSpecs, weightData: flat.buffer }));
  const input = tf.linspace(-1, 1, 784).reshape([1, 784]);
  const ours = discriminator!.withWeights(discriminator!.split(flat))(input);
  assert.deepEqual((loaded.predict(input) as typeof ours).dataSync(), ours.dataSync());
});

test('a network is a pure function of the tensors it is given, and gradients reach them', () => {
  const { net } = buildNetworks(
    tf,
    withNetwork(() => tf.sequential({ layers: [dense({})] })),
  );
  const [one, two] = [net!.split(new Float32Array(8).fill(1)), net!.split(new Float32Array(8).fill(2))];
  const input = tf.ones([1, 3]);
  assert.deepEqual([...net!.withWeights(one)(input).dataSync()], [4, 4]);
  assert.deepEqual([...net!.withWeights(two)(input).dataSync()], [8, 8]);
  assert.deepEqual([...net!.withWeights(one)(input).dataSync()], [4, 4], 'the first weights are unchanged');
  const grads = tf.grads((...weights) => net!.withWeights(weights)(input).sum())(one);
  assert.deepEqual(
    grads.map((grad) => [...grad.dataSync()]),
    [Array(6).fill(1), [1, 1]],
  );
});

test('a network restores itself when a call fails', () => {
  const { net } = buildNetworks(
    tf,
    withNetwork(() => tf.sequential({ layers: [dense({})] })),
  );
  const weights = net!.split(new Float32Array(8).fill(1));
  assert.throws(() => net!.withWeights(weights)(tf.ones([1, 5])));
  weights.forEach((tensor) => tensor.dispose());
  assert.deepEqual(
    [
      ...net!
        .withWeights(net!.split(new Float32Array(8)))(tf.ones([1, 3]))
        .dataSync(),
    ],
    [0, 0],
  );
  assert.throws(() => net!.split(new Float32Array(7)), /7 elements does not fit a manifest of 8/);
});

test('dispose leaves no tensor', () => {
  const before = tf.memory().numTensors;
  const networks = buildNetworks(tf, builtInRecipe('gan-seed'));
  assert.ok(tf.memory().numTensors > before);
  for (const network of Object.values(networks)) network.dispose();
  assert.equal(tf.memory().numTensors, before);
});

const { layers } = tf;
type Layer = Parameters<LayersModel['layers']['push']>[0];
const stack = (...more: Layer[]): LayersModel => tf.sequential({ layers: [dense({}), ...more] });

const refused: Record<string, { build: (library: Tf) => unknown; says: RegExp }> = {
  'dropout inside a recurrent layer': {
    build: () =>
      tf.sequential({
        layers: [layers.simpleRNN({ units: 2, name: 'loop', dropout: 0.5, inputShape: [3, 1] })],
      }),
    says: /layer 'loop' \(SimpleRNN\) draws random numbers at every step .* a dropout layer before it/,
  },
  state: {
    build: () =>
      tf.sequential({
        layers: [layers.simpleRNN({ units: 2, name: 'loop', stateful: true, batchInputShape: [2, 3, 1] })],
      }),
    says: /layer 'loop' \(SimpleRNN\) keeps state between batches/,
  },
  'frozen weights': {
    build: () => stack(layers.dense({ units: 1, name: 'ice', trainable: false })),
    says: /layer 'ice' \(Dense\) has weights that are not trained/,
  },
  'a nameless layer with weights': { build: () => stack(layers.dense({ units: 1 })), says: /has no name of its own.*name: 'hidden1'/ },
  'shared names': {
    build: () => tf.sequential({ layers: [tf.sequential({ layers: [dense({ units: 3 })] }), tf.sequential({ layers: [dense({})] })] }),
    says: /two parameters named 'only\/kernel'/,
  },
  'an initializer that cannot be drawn': {
    build: () => stack(layers.dense({ units: 3, name: 'square', kernelInitializer: 'identity' })),
    says: /layer 'square' initializes 'kernel' \[2, 3\] with Identity, .* glorotNormal/,
  },
  'a regularizer of activity': {
    build: () => tf.sequential({ layers: [dense({ activityRegularizer: 'l1l2' })] }),
    says: /cannot be built: .*activity regularizer/,
  },
  'a constraint': {
    build: () => tf.sequential({ layers: [dense({ biasConstraint: 'unitNorm' })] }),
    says: /layer 'only' has a constraint on 'bias'/,
  },
  'no weights': { build: () => tf.sequential({ layers: [layers.flatten({ inputShape: [2, 2] })] }), says: /has no parameters/ },
  'no layers': { build: () => tf.sequential(), says: /has no layers, or no input shape: .*inputShape/ },
  'no input shape': {
    build: () => tf.sequential({ layers: [layers.dense({ units: 2, name: 'lost' })] }),
    says: /cannot be built: .*inputShape/,
  },
  'something else': { build: () => ({ predict: () => 1 }), says: /is not a model: .* tf\.sequential or tf\.model/ },
  'a builder that throws': { build: () => tf.sequential({ layers: [dense({ units: -1 })] }), says: /network 'net' cannot be built: / },
};

for (const [what, { build, says }] of Object.entries(refused)) {
  test(`refuses ${what} in one sentence`, () => {
    assert.throws(
      () => buildNetworks(tf, withNetwork(build)),
      (error) => {
        assert.ok(error instanceof LockstepError, String(error));
        assert.equal(error.code, 'recipe-invalid');
        assert.match(error.message, /^Recipe 'test', network 'net'/);
        assert.match(error.message, says);
        return true;
      },
    );
  });
}

test('refuses a model that is built once and handed out twice', () => {
  const model = tf.sequential({ layers: [dense({})] });
  assert.throws(
    () =>
      buildNetworks(
        tf,
        withNetwork(() => model),
      ),
    /parameter 'only\/kernel' from elsewhere: .* build a new model/,
  );
});

test('a network takes and returns several tensors, and refuses another number of them', () => {
  const { net } = buildNetworks(
    tf,
    withNetwork(() => {
      const inputs = [tf.input({ shape: [1], name: 'first' }), tf.input({ shape: [3], name: 'second' })];
      const both = layers.concatenate().apply(inputs) as ReturnType<Tf['input']>;
      const outputs = [2, 1].map((units) => layers.dense({ name: `units${units}`, units, kernelInitializer: 'ones' }).apply(both));
      return tf.model({ inputs, outputs: outputs as never });
    }),
  );
  const apply = net!.withWeights(net!.split(new Float32Array(net!.manifest.length).fill(1)));
  const [two, one] = apply<[Tensor, Tensor]>(tf.ones([5, 1]), tf.ones([5, 3]));
  assert.deepEqual(
    [two.shape, one.shape],
    [
      [5, 2],
      [5, 1],
    ],
  );
  assert.equal(one.dataSync()[0], 5);
  assert.throws(() => apply(tf.ones([5, 4])), /network 'net' takes 2 tensors \(first \[n, 1\], second \[n, 3\]\), not 1/);
});

test('weights are visible by name, and are those that gradients reach', () => {
  const { net } = buildNetworks(
    tf,
    withNetwork(() => tf.sequential({ layers: [dense({})] })),
  );
  const weights = net!.split(new Float32Array(8).fill(3));
  const apply = net!.withWeights(weights);
  assert.deepEqual(Object.keys(apply.weights), ['only/kernel', 'only/bias']);
  assert.equal(apply.weights['only/kernel'], weights[0]);
  const grads = tf.grads((...given) => tf.sum(tf.square(net!.withWeights(given).weights['only/kernel']!)))(weights.slice(0, 1));
  assert.deepEqual([...grads[0]!.dataSync()], Array(6).fill(6));
});

test("a network's penalty is the sum of its layers' regularizers", () => {
  const { net, ...others } = buildNetworks(tf, {
    name: 'test',
    networks: {
      net: () =>
        tf.sequential({
          layers: [
            dense({ kernelRegularizer: tf.regularizers.l1l2({ l1: 0.5, l2: 0.25 }), biasRegularizer: tf.regularizers.l2({ l2: 2 }) }),
          ],
        }),
      plain: () => tf.sequential({ layers: [dense({})] }),
    },
  } as unknown as Recipe);
  const penalty = net!.penalty(net!.split(Float32Array.of(1, -1, 1, -1, 2, -2, 3, 0)));
  assert.equal(penalty!.dataSync()[0], 0.5 * 8 + 0.25 * 12 + 2 * 9);
  assert.equal(others['plain']!.penalty(others['plain']!.split(new Float32Array(8))), undefined);
});

test('an embedding looks rows up, as TF.js does, and gives zeros for an index that there is not', () => {
  const build = (): LayersModel =>
    tf.sequential({ layers: [layers.embedding({ name: 'words', inputDim: 4, outputDim: 2, inputLength: 3 })] });
  const { net } = buildNetworks(tf, withNetwork(build));
  const stock = build();
  const table = tf.tensor2d([0, 1, 2, 3, 4, 5, 6, 7], [4, 2]);
  stock.setWeights([table]);
  const indices = tf.tensor2d(
    [
      [3, 0, 3],
      [1, 2, 0],
    ],
    [2, 3],
    'int32',
  );
  const ours = net!.withWeights([table]);
  assert.deepEqual(ours(indices).arraySync(), (stock.predict(indices) as Tensor).arraySync());
  assert.deepEqual(ours(tf.tensor2d([[9, -1, 1]], [1, 3], 'int32')).arraySync(), [
    [
      [0, 0],
      [0, 0],
      [2, 3],
    ],
  ]);
  const grad = tf.grad((weights) => net!.withWeights([weights])(indices).sum())(table);
  assert.deepEqual([...grad.dataSync()], [2, 2, 1, 1, 1, 1, 2, 2]);
});
