/**
 * A small convolutional classifier for a folder of PNG or JPEG files, whose subfolders are the classes (docs/data.md). Copy it, and change
 * the three numbers at the top to the size of your pictures and the number of your folders.
 *
 * @type {import('@lockstep/shared').Recipe}
 */
const [height, width, classes] = [32, 32, 2];

export default {
  name: 'picture-classifier',
  batchSize: 64,
  epochs: 10,

  // Pixels enter as numbers from 0 to 1; a label is the number of its folder, in alphabetical order.
  data: {
    image: { shape: [height, width, 3], range: [0, 1] },
    label: { shape: [], dtype: 'int32', classes },
  },
  inputs: {},

  networks: {
    classifier: (tf) =>
      tf.sequential({
        layers: [
          tf.layers.conv2d({ name: 'edges', inputShape: [height, width, 3], filters: 16, kernelSize: 3, activation: 'relu' }),
          tf.layers.maxPooling2d({ name: 'halve1', poolSize: 2 }),
          tf.layers.conv2d({ name: 'shapes', filters: 32, kernelSize: 3, activation: 'relu' }),
          tf.layers.maxPooling2d({ name: 'halve2', poolSize: 2 }),
          tf.layers.flatten({ name: 'flat' }),
          tf.layers.dense({ name: 'hidden', units: 64, activation: 'relu' }),
          tf.layers.dense({ name: 'logits', units: classes }),
        ],
      }),
  },

  phases: [
    {
      name: 'classify',
      updates: 'classifier',
      inputs: ['image', 'label'],
      loss({ tf, networks, image, label }) {
        const logits = networks.classifier(image);
        const right = tf.equal(tf.argMax(logits, 1), label);
        return {
          loss: tf.losses.softmaxCrossEntropy(tf.oneHot(label, classes), logits),
          metrics: { accuracy: tf.mean(tf.cast(right, 'float32')) },
        };
      },
    },
  ],

  optimizers: { classifier: { kind: 'adam', learningRate: 1e-3 } },
};
