/**
 * A convolutional GAN on MNIST: Radford, Metz & Chintala, "Unsupervised representation learning with deep convolutional generative
 * adversarial networks" (ICLR 2016), scaled to pictures of 28 x 28.
 *
 * As in the paper: strided and transposed convolutions in place of pooling; batch normalization in both networks, except next to pictures;
 * ReLU in the generator, leaky ReLU in the discriminator; tanh pictures, weights from N(0, 0.02), Adam with rate 2e-4 and beta1 0.5, batches
 * of 128. Unlike the paper: two convolutions instead of four; filters of 4 x 4, which a stride of 2 divides (Odena, Dumoulin & Olah,
 * "Deconvolution and checkerboard artifacts", 2016); noise from N(0, 1).
 *
 * Responsible for: networks, losses and settings of `dcgan`. The losses are those of `gan.ts`.
 */
import { defineRecipe, type LayersModel, type Recipe, type Tf } from '../recipe.ts';

export interface DcganSettings {
  readonly name: string;
  /** Channels of the layer next to the picture; the one before has twice as many. */
  readonly width: number;
  readonly batchSize: number;
  readonly epochs: number;
}

const noiseLength = 100;
/** Of the moving averages: 0.99, TF.js's default, would make pictures of the first hundreds of steps pale. */
const momentum = 0.9;
const optimizer = { kind: 'adam', learningRate: 2e-4, beta1: 0.5 } as const;

/** 100 -> 7 x 7 x 2w -> 14 x 14 x w -> 28 x 28 x 1, tanh. */
function generator(tf: Tf, width: number): LayersModel {
  const { layers } = tf;
  const kernelInitializer = tf.initializers.randomNormal({ mean: 0, stddev: 0.02 });
  const upsampling = { kernelSize: 4, strides: 2, padding: 'same', kernelInitializer } as const;
  return tf.sequential({
    name: 'generator',
    layers: [
      layers.dense({ name: 'seed', units: 7 * 7 * 2 * width, useBias: false, kernelInitializer, inputShape: [noiseLength] }),
      layers.reshape({ name: 'grid', targetShape: [7, 7, 2 * width] }),
      layers.batchNormalization({ name: 'norm1', momentum }),
      layers.reLU({ name: 'relu1' }),
      layers.conv2dTranspose({ name: 'up1', filters: width, useBias: false, ...upsampling }),
      layers.batchNormalization({ name: 'norm2', momentum }),
      layers.reLU({ name: 'relu2' }),
      layers.conv2dTranspose({ name: 'up2', filters: 1, activation: 'tanh', ...upsampling }),
    ],
  });
}

/** 28 x 28 x 1 -> 14 x 14 x w -> 7 x 7 x 2w -> one logit. */
function discriminator(tf: Tf, width: number): LayersModel {
  const { layers } = tf;
  const kernelInitializer = tf.initializers.randomNormal({ mean: 0, stddev: 0.02 });
  const downsampling = { kernelSize: 4, strides: 2, padding: 'same', kernelInitializer } as const;
  return tf.sequential({
    name: 'discriminator',
    layers: [
      layers.conv2d({ name: 'down1', filters: width, inputShape: [28, 28, 1], ...downsampling }),
      layers.leakyReLU({ name: 'leaky1', alpha: 0.2 }),
      layers.conv2d({ name: 'down2', filters: 2 * width, useBias: false, ...downsampling }),
      layers.batchNormalization({ name: 'norm', momentum }),
      layers.leakyReLU({ name: 'leaky2', alpha: 0.2 }),
      layers.flatten({ name: 'pixels' }),
      layers.dense({ name: 'logit', units: 1, kernelInitializer }),
    ],
  });
}

export function dcgan({ name, width, batchSize, epochs }: DcganSettings): Recipe {
  return defineRecipe({
    name,
    batchSize,
    epochs,
    real: { shape: [28, 28, 1], range: [-1, 1] },
    inputs: { z: { shape: [noiseLength], distribution: 'normal' } },
    networks: { generator: (tf) => generator(tf, width), discriminator: (tf) => discriminator(tf, width) },
    phases: [
      {
        name: 'discriminator',
        updates: 'discriminator',
        inputs: ['real', 'z'],
        loss({ tf, networks, real, z }) {
          const realLogits = networks.discriminator(real);
          const fakeLogits = networks.discriminator(networks.generator(z));
          return {
            loss: tf.add(tf.mean(tf.softplus(tf.neg(realLogits))), tf.mean(tf.softplus(fakeLogits))),
            metrics: { realScore: tf.mean(tf.sigmoid(realLogits)), fakeScore: tf.mean(tf.sigmoid(fakeLogits)) },
          };
        },
      },
      {
        name: 'generator',
        updates: 'generator',
        inputs: ['z'],
        loss: ({ tf, networks, z }) => ({ loss: tf.mean(tf.softplus(tf.neg(networks.discriminator(networks.generator(z))))) }),
      },
    ],
    optimizers: { generator: optimizer, discriminator: optimizer },
    generate: ({ networks, z }) => networks.generator(z),
  });
}
