/**
 * A small convolutional classifier of MNIST's digits: two blocks of convolution and max pooling, as in LeNet-5 (LeCun, Bottou, Bengio and
 * Haffner 1998, "Gradient-based learning applied to document recognition", section II), with today's ReLU, dropout (Srivastava et al. 2014)
 * and Adam. Its layer `features`, of 128 values, is what scores of generated digits compare pictures by.
 */
import { defineRecipe } from '../recipe.ts';

const classes = 10;

export const classifier = defineRecipe({
  name: 'classifier',
  batchSize: 128,
  epochs: 5,
  data: {
    image: { shape: [28, 28, 1], range: [0, 1] },
    label: { shape: [], dtype: 'int32', classes },
  },
  inputs: {},
  networks: {
    classifier: (tf) => {
      const { layers } = tf;
      const convolution = { kernelSize: 3, activation: 'relu', kernelInitializer: 'heNormal' } as const;
      return tf.sequential({
        layers: [
          layers.conv2d({ name: 'strokes', inputShape: [28, 28, 1], filters: 32, ...convolution }),
          layers.maxPooling2d({ name: 'pool1', poolSize: 2 }),
          layers.conv2d({ name: 'shapes', filters: 64, ...convolution }),
          layers.maxPooling2d({ name: 'pool2', poolSize: 2 }),
          layers.flatten({ name: 'flat' }),
          layers.dense({ name: 'features', units: 128, activation: 'relu', kernelInitializer: 'heNormal' }),
          layers.dropout({ name: 'drop', rate: 0.4 }),
          layers.dense({ name: 'logits', units: classes }),
        ],
      });
    },
  },
  phases: [
    {
      name: 'classify',
      updates: 'classifier',
      inputs: ['image', 'label'],
      loss({ tf, networks, image, label }) {
        const logits = networks.classifier(image);
        return {
          loss: tf.losses.softmaxCrossEntropy(tf.oneHot(label, classes), logits),
          metrics: { accuracy: tf.mean(tf.cast(tf.equal(tf.argMax(logits, 1), label), 'float32')) },
        };
      },
    },
  ],
  optimizers: { classifier: { kind: 'adam', learningRate: 1e-3 } },
});
