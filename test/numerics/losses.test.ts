/** The losses of `gan` and their gradients agree with a float64 reference, which itself agrees with finite differences. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { builtInRecipe, inputRows, sequence, streams, uniform } from '@lockstep/shared';
import { parameterCount } from './dense-network.ts';
import type { Activation, DenseNetwork } from './dense-network.ts';
import type { Gan, GanState, LossAndGradient } from './gan-reference.ts';
import { discriminatorLoss, generatorLoss } from './gan-reference.ts';
import { busyWeights, randomPixels, readyCompute, relativeDistance, seed, wasm } from './setup.ts';

function gan(noise: number, hidden: readonly number[], pixels: number, slope: number): Gan {
  const activations = (last: Activation): Activation[] => [...hidden.map(() => ({ slope })), last];
  const generator: DenseNetwork = { widths: [noise, ...hidden, pixels], activations: activations('tanh') };
  const discriminator: DenseNetwork = { widths: [pixels, ...hidden.toReversed(), 1], activations: activations('linear') };
  return { generator, discriminator };
}

function randomArray(stream: number, length: number): Float64Array {
  const next = sequence(seed, stream, 0, 0);
  return Float64Array.from({ length }, () => 2 * uniform(next) - 1);
}

for (const slope of [0, 0.2]) {
  test(`the reference's gradients are what finite differences give (slope ${slope})`, () => {
    const small = gan(3, [5, 4], 6, slope);
    const state: GanState = {
      generator: randomArray(1, parameterCount(small.generator)),
      discriminator: randomArray(2, parameterCount(small.discriminator)),
      real: randomArray(3, 2 * 6),
      z: randomArray(4, 2 * 3),
    };
    checkByDifferences((changed) => discriminatorLoss(small, { ...state, discriminator: changed }), state.discriminator);
    checkByDifferences((changed) => generatorLoss(small, { ...state, generator: changed }), state.generator);
  });
}

function checkByDifferences(evaluate: (parameters: Float64Array) => LossAndGradient, at: ArrayLike<number>): void {
  const parameters = Float64Array.from(at);
  const { gradient } = evaluate(parameters);
  // Central differences: the error is about step^2 plus 1e-16 / step.
  const step = 1e-5;
  const numerical = parameters.map((value, index) => {
    const up = evaluate(parameters.with(index, value + step)).loss;
    const down = evaluate(parameters.with(index, value - step)).loss;
    return (up - down) / (2 * step);
  });
  assert.ok(
    gradient.some((value) => Math.abs(value) > 1e-3),
    'there is something to compare',
  );
  assert.ok(relativeDistance(gradient, numerical) < 1e-8, `relative distance ${relativeDistance(gradient, numerical)}`);
}

const slopes = { gan: 0.2, 'gan-seed': 0 } as const;
for (const [name, slope] of Object.entries(slopes)) {
  test(`losses, scores and gradients of ${name} on wasm are those of the float64 reference`, async () => {
    const batchSize = 4;
    const round = 5;
    const recipe = builtInRecipe(name);
    const compute = await readyCompute(recipe, batchSize, 1);
    const pixels = randomPixels(batchSize * 784);
    const reference = gan(100, [128, 256, 512], 784, slope);
    const { generator, discriminator } = compute.manifests;
    const state: GanState = {
      generator: busyWeights(generator!, 0),
      discriminator: busyWeights(discriminator!, 1),
      real: Float64Array.from(pixels, (pixel) => pixel / 127.5 - 1),
      z: Float64Array.from(inputRows(recipe.inputs['z']!, seed, streams.inputs, round, 0, batchSize)),
    };

    const ofDiscriminator = await compute.gradient({ phase: 0, round, shards: [0], samples: pixels });
    const expected = discriminatorLoss(reference, state);
    const { loss, metrics } = ofDiscriminator.outcomes[0]!;
    assertClose(loss, expected.loss);
    assertClose(metrics['realScore']!, expected.realScore);
    assertClose(metrics['fakeScore']!, expected.fakeScore);
    assert.ok(relativeDistance(ofDiscriminator.flats[0]!, expected.gradient) < 2e-6, 'discriminator');

    const ofGenerator = await compute.gradient({ phase: 1, round, shards: [0], samples: new Uint8Array() });
    const wanted = generatorLoss(reference, state);
    assertClose(ofGenerator.outcomes[0]!.loss, wanted.loss);
    assert.ok(relativeDistance(ofGenerator.flats[0]!, wanted.gradient) < 2e-6, 'generator');
    compute.dispose();
  });
}

function assertClose(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= 1e-6 * Math.abs(expected), `${actual}, expected ${expected}`);
}

test('softplus, which the losses are made of, is finite and correct for logits of any size, and so is its gradient', async () => {
  const { tf } = await wasm();
  const logits = [-1e4, -200, -88, -30, -15, -5, -1, -1e-4, 0, 1e-4, 1, 5, 15, 30, 88, 200, 1e4];
  const exact = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  const { value, grad } = tf.tidy(() => {
    const input = tf.tensor1d(logits);
    return {
      value: tf.softplus(input).dataSync(),
      grad: tf
        .grad((x) => tf.softplus(x).sum())(input)
        .dataSync(),
    };
  });
  logits.forEach((logit, index) => {
    // Losses are means of order 1: an absolute error of one float32 step at 1 is as good as it gets.
    assert.ok(Math.abs(value[index]! - exact(logit)) <= 1.2e-7 * Math.max(1, Math.abs(logit)), `softplus(${logit}) = ${value[index]}`);
    assert.ok(Math.abs(grad[index]! - 1 / (1 + Math.exp(-logit))) <= 1.2e-7, `softplus'(${logit}) = ${grad[index]}`);
  });
});
