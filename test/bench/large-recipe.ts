/** A dense network of any size, as a recipe file: an autoencoder of MNIST, whose width gives its parameters. */

const pixels = 784;

export interface LargeRecipe {
  /** Of the file that the recipe goes into. */
  readonly text: string;
  readonly parameters: number;
}

/** Of at most `bytes` of float32. */
export function largeRecipe(bytes: number): LargeRecipe {
  const width = Math.floor((bytes / 4 - pixels) / (2 * pixels + 1));
  const text = `export default {
  name: 'large',
  batchSize: 2,
  epochs: 1,
  real: { shape: [${pixels}], range: [-1, 1] },
  inputs: {},
  networks: {
    autoencoder: (tf) =>
      tf.sequential({
        layers: [
          tf.layers.dense({ name: 'hidden', units: ${width}, inputShape: [${pixels}], activation: 'relu' }),
          tf.layers.dense({ name: 'output', units: ${pixels}, activation: 'tanh' }),
        ],
      }),
  },
  phases: [
    {
      name: 'autoencoder',
      updates: 'autoencoder',
      inputs: ['real'],
      loss: ({ tf, networks, real }) => ({ loss: tf.mean(tf.square(tf.sub(networks.autoencoder(real), real))) }),
    },
  ],
  optimizers: { autoencoder: { kind: 'adam', learningRate: 1e-4 } },
};
`;
  return { text, parameters: width * (2 * pixels + 1) + pixels };
}
