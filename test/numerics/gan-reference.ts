/**
 * The two losses of the GAN as the paper writes them, in float64, with gradients by the chain rule.
 *
 * Written from the formulas, not from the recipe: loss_D = -[log D(x) + log(1 - D(G(z)))], loss_G = -log D(G(z)), D = sigmoid of the
 * logit, means over samples. The textbook form is fine in float64 for the moderate logits used here.
 */
import type { DenseNetwork } from './dense-network.ts';
import { backward, forward } from './dense-network.ts';

export interface Gan {
  readonly generator: DenseNetwork;
  readonly discriminator: DenseNetwork;
}

export interface GanState {
  readonly generator: ArrayLike<number>;
  readonly discriminator: ArrayLike<number>;
  readonly real: Float64Array;
  readonly z: Float64Array;
}

export interface LossAndGradient {
  readonly loss: number;
  /** Of the network that the loss trains. */
  readonly gradient: Float64Array;
}

const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));
const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

export function discriminatorLoss(gan: Gan, state: GanState): LossAndGradient & { realScore: number; fakeScore: number } {
  const fake = forward(gan.generator, state.generator, state.z).outputs.at(-1)!;
  const realPass = forward(gan.discriminator, state.discriminator, state.real);
  const fakePass = forward(gan.discriminator, state.discriminator, fake);
  const realScores = realPass.outputs.at(-1)!.map(sigmoid);
  const fakeScores = fakePass.outputs.at(-1)!.map(sigmoid);
  // d -log sigmoid(s) / ds = sigmoid(s) - 1; d -log(1 - sigmoid(s)) / ds = sigmoid(s).
  const realGradient = realScores.map((score) => (score - 1) / realScores.length);
  const fakeGradient = fakeScores.map((score) => score / fakeScores.length);
  const ofReal = backward(gan.discriminator, state.discriminator, realPass, realGradient).flat;
  const ofFake = backward(gan.discriminator, state.discriminator, fakePass, fakeGradient).flat;
  return {
    loss: mean(realScores.map((score) => -Math.log(score))) + mean(fakeScores.map((score) => -Math.log(1 - score))),
    gradient: ofReal.map((value, index) => value + ofFake[index]!),
    realScore: mean(realScores),
    fakeScore: mean(fakeScores),
  };
}

export function generatorLoss(gan: Gan, state: GanState): LossAndGradient {
  const generated = forward(gan.generator, state.generator, state.z);
  const judged = forward(gan.discriminator, state.discriminator, generated.outputs.at(-1)!);
  const scores = judged.outputs.at(-1)!.map(sigmoid);
  const logitGradient = scores.map((score) => (score - 1) / scores.length);
  const pictureGradient = backward(gan.discriminator, state.discriminator, judged, logitGradient).input;
  return {
    loss: mean(scores.map((score) => -Math.log(score))),
    gradient: backward(gan.generator, state.generator, generated, pictureGradient).flat,
  };
}
