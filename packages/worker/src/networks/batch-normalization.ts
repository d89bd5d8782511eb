/**
 * Batch normalization (Ioffe & Szegedy 2015) without variables of its own: a phase normalizes by the statistics of its shard and reports
 * them; `generate` uses the moving averages that the network was given.
 *
 * Responsible for: the layer in training. TF.js would write the moving averages into its variables there, and reads gamma and beta even where
 * the layer has none. Not responsible for: what becomes of the statistics (`compute/moments.ts`), or inference, which is TF.js's own.
 */
import type { LayersModel, Tensor, Tf } from '@lockstep/shared';
import type { Layer } from './network-rules.ts';
import type { Pass } from './pass.ts';

export type LayerVariable = Omit<LayersModel['weights'][number], 'val'> & { val: Tensor };

/** A weight that is moved rather than trained. */
export interface Moved {
  readonly variable: LayerVariable;
  /** The share of the old value that a commit keeps. */
  readonly momentum: number;
}

interface BatchNormalization extends Layer {
  readonly axis: number;
  readonly momentum: number;
  readonly epsilon: number;
  readonly gamma?: LayerVariable;
  readonly beta?: LayerVariable;
  readonly movingMean: LayerVariable;
  readonly movingVariance: LayerVariable;
}

export function isBatchNormalization(layer: Layer): layer is BatchNormalization {
  return layer.getClassName() === 'BatchNormalization';
}

/** Makes the layer use and report the statistics of what it is given. Returns its moving averages. */
export function reportMoments(tf: Tf, layer: BatchNormalization, currentPass: () => Pass): [mean: Moved, variance: Moved] {
  const infer = layer.call.bind(layer);
  layer.call = (inputs, kwargs) => {
    const pass = currentPass();
    if (!pass.training) return infer(inputs, { ...kwargs, training: false });
    return tf.tidy(() => normalize(tf, layer, Array.isArray(inputs) ? inputs[0]! : inputs, pass));
  };
  const { movingMean, movingVariance, momentum } = layer;
  return [
    { variable: movingMean, momentum },
    { variable: movingVariance, momentum },
  ];
}

/** Population variance, as TF.js has it. Composed of operations that every backend has, with their gradients. */
function normalize(tf: Tf, layer: BatchNormalization, input: Tensor, pass: Pass): Tensor {
  const { epsilon, gamma, beta, movingMean, movingVariance } = layer;
  const channels = (layer.axis + input.rank) % input.rank;
  const others = input.shape.map((_, axis) => axis).filter((axis) => axis !== channels);
  const broadcast = input.shape.map((size, axis) => (axis === channels ? size : 1));
  const mean = tf.mean(input, others, true);
  const centred = tf.sub(input, mean);
  const variance = tf.mean(tf.square(centred), others, true);
  pass.moment(movingMean, mean);
  pass.moment(movingVariance, variance);
  const inverse = tf.rsqrt(tf.add(variance, epsilon));
  const scale = gamma === undefined ? inverse : tf.mul(inverse, gamma.read().reshape(broadcast));
  const scaled = tf.mul(centred, scale);
  return beta === undefined ? scaled : tf.add(scaled, beta.read().reshape(broadcast));
}
