/**
 * Layers that draw random numbers, made to take them from the pass instead: TF.js would draw them from a generator of its own.
 *
 * Responsible for: what each of these layers computes in training, as tfjs-layers 4.22 does (`layers/core.ts`, `layers/noise.ts`).
 * Not responsible for: which numbers they get (`compute/layer-noise.ts`). A layer's own `seed` is ignored: the run's seed decides.
 */
import type { Tensor, Tf } from '@lockstep/shared';
import type { Layer } from './network-rules.ts';
import type { Pass } from './pass.ts';

/** The output in training, or undefined where the layer's settings make it pass its input on. */
type Noisy = (tf: Tf, config: Config, input: Tensor, noise: Pass['noise']) => Tensor | undefined;

interface Config {
  readonly rate: number;
  readonly stddev: number;
  /** One number per axis, the batch included; null stands for the input's. */
  readonly noiseShape?: readonly (number | null)[] | null;
}

const isFraction = (rate: number): boolean => rate > 0 && rate < 1;

const noisyLayers: Readonly<Record<string, Noisy>> = {
  /** Srivastava et al. 2014. */
  Dropout: (tf, { rate, noiseShape }, input, noise) => dropout(tf, rate, input, noise, noiseShape),
  /** Tompson et al. 2015: whole channels of [batch, steps, channels]. */
  SpatialDropout1D: (tf, { rate }, input, noise) => dropout(tf, rate, input, noise, [null, 1, null]),
  GaussianNoise: (tf, { stddev }, input, noise) => (stddev > 0 ? tf.add(tf.mul(noise('normal', input.shape), stddev), input) : undefined),
  GaussianDropout: (tf, { rate }, input, noise) =>
    isFraction(rate) ? tf.mul(input, tf.add(tf.mul(noise('normal', input.shape), Math.sqrt(rate / (1 - rate))), 1)) : undefined,
  AlphaDropout: (tf, { rate, noiseShape }, input, noise) =>
    isFraction(rate) ? alphaDropout(tf, rate, input, noise, noiseShape) : undefined,
};

/** Whether `layer` draws noise. If so, it takes it from the current pass from now on. */
export function feedNoise(tf: Tf, layer: Layer, currentPass: () => Pass): boolean {
  const noisy = Object.hasOwn(noisyLayers, layer.getClassName()) ? noisyLayers[layer.getClassName()] : undefined;
  if (noisy === undefined) return false;
  const config = { ...layer.getConfig(), noiseShape: (layer as { noiseShape?: Config['noiseShape'] }).noiseShape } as unknown as Config;
  layer.call = (inputs) =>
    tf.tidy(() => {
      const input = Array.isArray(inputs) ? inputs[0]! : inputs;
      const { training, noise } = currentPass();
      return (training ? noisy(tf, config, input, noise) : undefined) ?? input;
    });
  return true;
}

/** 1 with probability 1 - rate, else 0. */
function kept(tf: Tf, rate: number, input: Tensor, noise: Pass['noise'], noiseShape: Config['noiseShape']): Tensor {
  const shape = (noiseShape ?? input.shape).map((size, axis) => size ?? input.shape[axis]!);
  return tf.floor(tf.add(noise('uniform', shape), 1 - rate));
}

function dropout(tf: Tf, rate: number, input: Tensor, noise: Pass['noise'], noiseShape: Config['noiseShape']): Tensor | undefined {
  if (!isFraction(rate)) return undefined;
  return tf.mul(input, tf.div(kept(tf, rate, input, noise, noiseShape), 1 - rate));
}

/** Klambauer et al. 2017: dropped units take the value at which SELU saturates, and the result keeps mean and variance. */
function alphaDropout(tf: Tf, rate: number, input: Tensor, noise: Pass['noise'], noiseShape: Config['noiseShape']): Tensor {
  const saturated = -1.673_263_242_354_377_2 * 1.050_700_987_355_480_5;
  const mask = kept(tf, rate, input, noise, noiseShape);
  const scale = ((1 - rate) * (1 + rate * saturated ** 2)) ** -0.5;
  const shift = -scale * saturated * rate;
  const dropped = tf.add(tf.mul(input, mask), tf.mul(tf.add(mask, -1), -saturated));
  return tf.add(tf.mul(dropped, scale), shift);
}
