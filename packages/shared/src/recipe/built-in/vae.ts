/**
 * A variational autoencoder on MNIST: Kingma & Welling, "Auto-encoding variational Bayes" (2013, arXiv:1312.6114).
 *
 * An encoder says which latent codes z an image x may have, as a normal distribution q(z|x) with a mean and a variance for each coordinate;
 * a decoder says which image a code stands for, as the probability that each pixel is white. Both are trained by one loss, in one update:
 * the negative of the paper's lower bound on log p(x), equation 10, in nats per image,
 *
 *     -log p(x|z)            how badly the decoder restores x: a sigmoid cross-entropy, summed over the pixels (appendix C.1)
 *     + KL(q(z|x) || p(z))   how far codes stray from the standard normal p(z) that samples are drawn from (appendix B)
 *
 * with z = mean + deviation * noise, so that gradients pass through the draw (section 2.4); the noise is a declared input. Sizes are the
 * paper's for MNIST, 500 hidden tanh units, with its 20 latent coordinates; Adam, which is younger, replaces Adagrad.
 */
import { defineRecipe, type Scalar, type Tensor, type Tf } from '../recipe.ts';

const pixels = 784;
const hidden = 500;
const latent = 20;

export const vae = defineRecipe({
  name: 'vae',
  batchSize: 128,
  epochs: 20,
  // Grey values are taken for probabilities of white.
  real: { shape: [pixels], range: [0, 1] },
  inputs: { noise: { shape: [latent], distribution: 'normal' } },
  networks: {
    encoder(tf) {
      const image = tf.input({ name: 'image', shape: [pixels] });
      const features = tf.layers.dense({ name: 'hidden', units: hidden, activation: 'tanh' }).apply(image) as typeof image;
      const outputs = ['mean', 'log-variance'].map((name) => tf.layers.dense({ name, units: latent }).apply(features) as typeof image);
      return tf.model({ name: 'encoder', inputs: image, outputs });
    },
    decoder: (tf) =>
      tf.sequential({
        name: 'decoder',
        layers: [
          tf.layers.dense({ name: 'hidden', units: hidden, activation: 'tanh', inputShape: [latent] }),
          tf.layers.dense({ name: 'logits', units: pixels }),
        ],
      }),
  },
  phases: [
    {
      name: 'autoencoder',
      updates: ['encoder', 'decoder'],
      inputs: ['real', 'noise'],
      loss({ tf, networks, real, noise }) {
        const [mean, logVariance] = networks.encoder<[Tensor, Tensor]>(real);
        const code = tf.add(mean, tf.mul(tf.exp(tf.mul(logVariance, 0.5)), noise));
        const logits = networks.decoder(code);
        // -(x log p + (1 - x) log(1 - p)) with p = sigmoid(logit), which is softplus(logit) - x * logit.
        const reconstruction = perImage(tf, tf.sub(tf.softplus(logits), tf.mul(real, logits)));
        const terms = tf.sub(tf.sub(tf.add(tf.square(mean), tf.exp(logVariance)), logVariance), 1);
        const divergence = perImage(tf, tf.mul(terms, 0.5));
        return { loss: tf.add(reconstruction, divergence), metrics: { reconstruction, divergence } };
      },
    },
  ],
  optimizers: { encoder: { kind: 'adam', learningRate: 1e-3 }, decoder: { kind: 'adam', learningRate: 1e-3 } },
  generate: ({ tf, networks, noise }) => tf.sigmoid(networks.decoder(noise)),
});

/** The sum over the second axis, as a mean over images. */
function perImage(tf: Tf, terms: Tensor): Scalar {
  return tf.mean(tf.sum(terms, 1));
}
