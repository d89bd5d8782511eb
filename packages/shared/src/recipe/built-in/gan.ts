/**
 * The dense GAN on MNIST that Lockstep grew from, as one function with the few choices that were worth comparing.
 *
 * Responsible for: networks, losses and settings of `gan` and `gan-seed`. Not responsible for: anything about training in general;
 * this file knows no more of Lockstep than a user's recipe does (`recipe.ts`).
 *
 * Losses: the non-saturating GAN of Goodfellow et al. (2014), section 3. With a logit s = D(x), -log sigmoid(s) = softplus(-s) and
 * -log(1 - sigmoid(s)) = softplus(s). `tf.softplus` neither overflows nor takes a logarithm of 0, and its gradient is one sigmoid;
 * relu(x) + log1p(exp(-|x|)) has the same value but a gradient of 0 instead of 1/2 at x = 0.
 */
import type { OptimizerSpec } from '../optimizers.ts';
import type { LayersModel, Recipe, Tensor, Tf } from '../recipe.ts';
import { defineRecipe } from '../recipe.ts';

export interface GanSettings {
  readonly name: string;
  /** Slope of hidden units below 0: 0 is ReLU, above 0 leaky ReLU (Maas et al. 2013). */
  readonly generatorSlope: number;
  readonly discriminatorSlope: number;
  readonly batchSize: number;
  readonly epochs: number;
  /** Both networks have the same one. */
  readonly optimizer: OptimizerSpec;
}

const noiseLength = 100;
const pixels = 784;

interface DenseStack {
  readonly name: string;
  readonly inputs: number;
  readonly hidden: readonly number[];
  readonly slope: number;
  readonly outputs: number;
  readonly outputActivation: 'linear' | 'tanh';
}

/** Dense layers `hidden1`, `hidden2`, ... and `output`; Glorot normal weights and zero biases, TF.js's defaults. */
function denseStack(tf: Tf, stack: DenseStack): LayersModel {
  const model = tf.sequential({ name: stack.name });
  stack.hidden.forEach((units, index) => {
    const name = `hidden${index + 1}`;
    const inputShape = index === 0 ? { inputShape: [stack.inputs] } : {};
    if (stack.slope === 0) {
      model.add(tf.layers.dense({ name, units, activation: 'relu', ...inputShape }));
    } else {
      model.add(tf.layers.dense({ name, units, ...inputShape }));
      model.add(tf.layers.leakyReLU({ name: `${name}-leaky`, alpha: stack.slope }));
    }
  });
  model.add(tf.layers.dense({ name: 'output', units: stack.outputs, activation: stack.outputActivation }));
  return model;
}

/** The GAN with these settings: generator 100 -> 128-256-512 -> 784 tanh, discriminator 784 -> 512-256-128 -> 1 logit. */
export function gan(settings: GanSettings): Recipe {
  const { name, batchSize, epochs, optimizer, generatorSlope, discriminatorSlope } = settings;
  return defineRecipe({
    name,
    batchSize,
    epochs,
    real: { shape: [pixels], range: [-1, 1] },
    inputs: { z: { shape: [noiseLength], distribution: 'normal' } },
    networks: {
      generator: (tf) =>
        denseStack(tf, {
          name: 'generator',
          inputs: noiseLength,
          hidden: [128, 256, 512],
          slope: generatorSlope,
          outputs: pixels,
          outputActivation: 'tanh',
        }),
      discriminator: (tf) =>
        denseStack(tf, {
          name: 'discriminator',
          inputs: pixels,
          hidden: [512, 256, 128],
          slope: discriminatorSlope,
          outputs: 1,
          outputActivation: 'linear',
        }),
    },
    phases: [
      {
        name: 'discriminator',
        updates: 'discriminator',
        inputs: ['real', 'z'],
        loss({ tf, networks, real, z }) {
          const realLogits = networks.discriminator(real);
          const fakeLogits = networks.discriminator(networks.generator(z));
          return {
            loss: tf.add(softplusMean(tf, tf.neg(realLogits)), softplusMean(tf, fakeLogits)),
            metrics: { realScore: sigmoidMean(tf, realLogits), fakeScore: sigmoidMean(tf, fakeLogits) },
          };
        },
      },
      {
        name: 'generator',
        updates: 'generator',
        inputs: ['z'],
        loss: ({ tf, networks, z }) => ({ loss: softplusMean(tf, tf.neg(networks.discriminator(networks.generator(z)))) }),
      },
    ],
    optimizers: { generator: optimizer, discriminator: optimizer },
    generate: ({ networks, z }) => networks.generator(z),
  });
}

function softplusMean(tf: Tf, logits: Tensor): ReturnType<Tf['scalar']> {
  return tf.mean(tf.softplus(logits));
}

function sigmoidMean(tf: Tf, logits: Tensor): ReturnType<Tf['scalar']> {
  return tf.mean(tf.sigmoid(logits));
}
