/**
 * A GAN that is told which digit to draw: Mirza & Osindero 2014, "Conditional Generative Adversarial Nets". Both networks get the label beside
 * their input. The losses are those of `gan`, whose stable settings these are.
 *
 * Its grid has a row for each digit, and so have the grids that make up a larger number of pictures.
 */
import type { OptimizerSpec } from '../optimizers.ts';
import type { LayersModel, Tensor, Tf } from '../recipe.ts';
import { defineRecipe, gridColumns } from '../recipe.ts';

const classes = 10;
const noiseLength = 100;
const pixels = 784;
const optimizer: OptimizerSpec = { kind: 'adam', learningRate: 1e-3, beta1: 0.5 };

export const conditionalGan = defineRecipe({
  name: 'conditional-gan',
  batchSize: 256,
  epochs: 8,
  data: {
    image: { shape: [pixels], range: [-1, 1] },
    label: { shape: [], dtype: 'int32', classes },
  },
  inputs: { z: { shape: [noiseLength], distribution: 'normal' } },
  networks: {
    generator: (tf) => dense(tf, noiseLength + classes, [128, 256, 512], { units: pixels, activation: 'tanh' }),
    discriminator: (tf) => dense(tf, pixels + classes, [512, 256, 128], { units: 1, activation: 'linear' }),
  },
  phases: [
    {
      name: 'discriminator',
      updates: 'discriminator',
      inputs: ['image', 'label', 'z'],
      loss({ tf, networks, image, label, z }) {
        const onReal = networks.discriminator(beside(tf, image, label));
        const onFake = networks.discriminator(beside(tf, networks.generator(beside(tf, z, label)), label));
        return {
          loss: tf.add(tf.mean(tf.softplus(tf.neg(onReal))), tf.mean(tf.softplus(onFake))),
          metrics: { realScore: tf.mean(tf.sigmoid(onReal)), fakeScore: tf.mean(tf.sigmoid(onFake)) },
        };
      },
    },
    {
      name: 'generator',
      updates: 'generator',
      inputs: ['label', 'z'],
      loss({ tf, networks, label, z }) {
        const onFake = networks.discriminator(beside(tf, networks.generator(beside(tf, z, label)), label));
        return { loss: tf.mean(tf.softplus(tf.neg(onFake))) };
      },
    },
  ],
  optimizers: { generator: optimizer, discriminator: optimizer },
  generate({ tf, networks, z }) {
    const row = tf.floorDiv(tf.range(0, z.shape[0], 1, 'int32'), tf.scalar(gridColumns, 'int32'));
    return networks.generator(beside(tf, z, row));
  },
  gridRows: classes,
});

/** Values and the label, one-hot, as one input. */
function beside(tf: Tf, values: Tensor, label: Tensor): Tensor {
  return tf.concat([values, tf.cast(tf.oneHot(label, classes), 'float32')], 1);
}

/** Hidden layers with leaky ReLU of slope 0.2. */
function dense(
  tf: Tf,
  inputs: number,
  hidden: readonly number[],
  output: { readonly units: number; readonly activation: 'tanh' | 'linear' },
): LayersModel {
  const model = tf.sequential();
  hidden.forEach((units, index) => {
    model.add(tf.layers.dense({ name: `hidden${index + 1}`, units, ...(index === 0 ? { inputShape: [inputs] } : {}) }));
    model.add(tf.layers.leakyReLU({ name: `hidden${index + 1}-leaky`, alpha: 0.2 }));
  });
  model.add(tf.layers.dense({ name: 'output', ...output }));
  return model;
}
