/**
 * A recipe of your own: a least-squares GAN (Mao et al., "Least Squares Generative Adversarial Networks", ICCV 2017).
 * Copy this file, change it, and give it to the coordinator and to every worker:
 *
 *     npx --no -- coordinator --workers 4 --spawn --recipe ./my-recipe.mjs
 *
 * It imports nothing: TensorFlow.js comes in as `tf`, so the same file runs on every backend. Two rules keep runs reproducible: layers
 * with weights have names, and all randomness is declared under `inputs` or comes from dropout and noise layers (no tf.random*, no
 * Math.random).
 *
 * @type {import('@lockstep/shared').Recipe}
 */
export default {
  name: 'lsgan',
  // Defaults; --batch-size and --epochs replace them.
  batchSize: 256,
  epochs: 8,

  // An MNIST image enters as 784 numbers: black is -1, white is 1.
  real: { shape: [784], range: [-1, 1] },

  // Noise, drawn afresh for every sample from (seed, round, position in the batch), whoever computes it.
  inputs: { z: { shape: [64], distribution: 'normal' } },

  networks: {
    generator: (tf) =>
      tf.sequential({
        layers: [
          tf.layers.dense({ name: 'hidden1', units: 256, inputShape: [64], activation: 'relu' }),
          tf.layers.dense({ name: 'hidden2', units: 512, activation: 'relu' }),
          tf.layers.dense({ name: 'output', units: 784, activation: 'tanh' }),
        ],
      }),
    critic: (tf) =>
      tf.sequential({
        layers: [
          tf.layers.dense({ name: 'hidden1', units: 256, inputShape: [784] }),
          tf.layers.leakyReLU({ alpha: 0.2 }),
          tf.layers.dense({ name: 'output', units: 1 }),
        ],
      }),
  },

  // A step runs the phases in order; each updates one network by the mean of its loss. `inputs` says what the loss reads.
  phases: [
    {
      name: 'critic',
      updates: 'critic',
      inputs: ['real', 'z'],
      loss({ tf, networks, real, z }) {
        const realScore = networks.critic(real);
        const fakeScore = networks.critic(networks.generator(z));
        // Real images should score 1, generated ones 0.
        const loss = tf.add(tf.mean(tf.square(tf.sub(realScore, 1))), tf.mean(tf.square(fakeScore))).mul(0.5);
        // Metrics are means too; they appear in losses.jsonl and on /metrics.
        return { loss, metrics: { realScore: tf.mean(realScore), fakeScore: tf.mean(fakeScore) } };
      },
    },
    {
      name: 'generator',
      updates: 'generator',
      inputs: ['z'],
      loss: ({ tf, networks, z }) => ({ loss: tf.mean(tf.square(tf.sub(networks.critic(networks.generator(z)), 1))).mul(0.5) }),
    },
  ],

  // One per network. --learning-rate replaces every rate.
  optimizers: {
    generator: { kind: 'adam', learningRate: 5e-4, beta1: 0.5 },
    critic: { kind: 'adam', learningRate: 5e-4, beta1: 0.5 },
  },

  // The pictures of a sample grid.
  generate: ({ networks, z }) => networks.generator(z),
};
