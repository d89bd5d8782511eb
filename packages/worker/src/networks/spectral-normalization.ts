/**
 * Spectral normalization (Miyato, Kataoka, Koyama & Yoshida, "Spectral normalization for generative adversarial networks", ICLR 2018): a
 * network computes with its kernels divided by their largest singular value, which is found by one power iteration an update.
 *
 * Responsible for: that division and its gradient, and the vector u that the iteration continues from: a state of the network. It depends on
 * weights alone, so all shards report the same one. Not responsible for: exports, which hold divided kernels (coordinator,
 * `training/spectral.ts`).
 *
 * A kernel counts as a matrix of its last axis by all others. u, of shape [last], starts as normal noise.
 */
import type { Layout, Manifest, Parameter, StateParameter, Tensor, Tf } from '@lockstep/shared';
import { refuse } from './network-rules.ts';
import type { Pass } from './pass.ts';

/** The kernels of dense, convolutional and recurrent layers. Throws LockstepError('recipe-invalid') if there are none. */
export function kernelsOf({ parameters }: Layout, place: string): Parameter[] {
  const kernels = parameters.filter(({ name, shape }) => shape.length >= 2 && name.endsWith('kernel'));
  if (kernels.length === 0) refuse(place, 'has no kernel for spectral normalization to divide');
  return kernels;
}

/** The state that a kernel needs. A commit replaces it. */
export function vectorOf({ name, shape }: Parameter, offset: number): StateParameter {
  const initializer = { kind: 'normal', mean: 0, deviation: 1 } as const;
  return { name: `${name}/u`, shape: [shape.at(-1)!], offset, initializer, momentum: 0, normalizes: name };
}

/** `weights` (parameters, state) as the network uses them: kernels divided, and without the vectors, which come last. */
export function divided(tf: Tf, { parameters }: Manifest, kernels: readonly Parameter[], weights: readonly Tensor[], pass: Pass): Tensor[] {
  const first = weights.length - kernels.length;
  const used = weights.slice(0, first);
  for (const [index, kernel] of kernels.entries()) {
    const at = parameters.indexOf(kernel);
    used[at] = normalized(tf, weights[at]!, weights[first + index]!, (next) => pass.moment(kernel, next));
  }
  return used;
}

/** Against division by 0, as in the authors' code. */
const epsilon = 1e-12;

/**
 * kernel / sigma, where sigma = |W v| with v = W^T u / |W^T u|, for W of shape [last, rest]; `report` is given the next u = W v / |W v|. Both
 * vectors are constants to gradients, so the gradient is that of equation 12 in the paper: (dy - sum(dy * kernel / sigma) v u^T) / sigma.
 */
function normalized(tf: Tf, kernel: Tensor, u: Tensor, report: (next: Tensor) => void): Tensor {
  const { shape } = kernel;
  const last = shape.at(-1)!;
  // `u` is given as well, so that its tensor lives as long as this one's tape.
  const divide = tf.customGrad((weights, given, save) => {
    const keep = save as (tensors: Tensor[]) => void;
    const matrix = (weights as Tensor).reshape<ReturnType<Tf['tensor2d']>>([-1, last]);
    const v = unit(tf, tf.matMul(matrix, (given as Tensor).reshape([last, 1])));
    const image = tf.matMul(matrix, v, true, false);
    const sigma = length(tf, image);
    const next = tf.div(image, sigma);
    report(next);
    const value = tf.div(matrix, sigma);
    keep([value, v, next, sigma]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const [result, right, left, scale] = saved as [Tensor, Tensor, Tensor, Tensor];
      const flat = dy.reshape([-1, last]);
      const along = tf.mul(tf.sum(tf.mul(flat, result)), tf.matMul(right, left, false, true));
      return [tf.div(tf.sub(flat, along), scale).reshape(shape), tf.zerosLike(u)];
    };
    return { value: value.reshape(shape), gradFunc };
  });
  return divide(kernel, u);
}

function unit(tf: Tf, vector: Tensor): Tensor {
  return tf.div(vector, length(tf, vector));
}

function length(tf: Tf, vector: Tensor): Tensor {
  return tf.add(tf.sqrt(tf.sum(tf.square(vector))), epsilon);
}
