/**
 * Parzen-window log-likelihood, by the protocol of Goodfellow et al. 2014 ("Generative Adversarial Nets", section 5; the method is Breuleux
 * et al. 2011): a Gaussian of one width stands on every sample of the model; the width is the one under which a validation split is likeliest;
 * the score is the mean log-likelihood of the test split, in nats.
 *
 * Pixels are scaled to [0, 1]. Another scale shifts the score: log-likelihood is a density, so at 784 dimensions a scale of 2 costs 543 nats.
 */
import { eachSquaredDistances, type Rows } from './distances.ts';

export interface ParzenScore {
  /** Nats per test row. */
  readonly mean: number;
  /** Of the mean: standard deviation over rows / sqrt(rows). */
  readonly standardError: number;
  readonly sigma: number;
  /** What was tried, and the mean log-likelihood of the validation split under it. */
  readonly validation: readonly { readonly sigma: number; readonly mean: number }[];
}

/** Ten widths from 0.1 to 1, evenly spaced in their logarithm, as in the code published with the paper. */
export const parzenSigmas: readonly number[] = Array.from({ length: 10 }, (_, index) => 10 ** (-1 + index / 9));

/** All rows of one width; at least one of each. */
export async function parzenScore(
  samples: Rows,
  { validation, test, sigmas = parzenSigmas }: { readonly validation: Rows; readonly test: Rows; readonly sigmas?: readonly number[] },
): Promise<ParzenScore> {
  const means = (await logLikelihoods(samples, validation, sigmas)).map(meanOf);
  const tried = sigmas.map((sigma, index) => ({ sigma, mean: means[index]! }));
  const best = tried.reduce((a, b) => (b.mean > a.mean ? b : a));
  const [rows] = await logLikelihoods(samples, test, [best.sigma]);
  const mean = meanOf(rows!);
  const variance = meanOf(rows!.map((value) => (value - mean) ** 2));
  return { mean, standardError: Math.sqrt(variance / rows!.length), sigma: best.sigma, validation: tried };
}

/** Per sigma, the log-likelihood of each row of `data`, in nats. */
export async function logLikelihoods(samples: Rows, data: Rows, sigmas: readonly number[]): Promise<Float64Array[]> {
  const results = sigmas.map(() => new Float64Array(data.count));
  const constants = sigmas.map((sigma) => Math.log(samples.count) + (samples.width / 2) * Math.log(2 * Math.PI * sigma ** 2));
  await eachSquaredDistances(data, samples, (row, distances) => {
    const least = leastOf(distances);
    for (const [index, sigma] of sigmas.entries()) {
      // log of a sum of exponentials, of which the greatest is taken out: alone, all of them would underflow.
      const scale = -1 / (2 * sigma ** 2);
      let sum = 0;
      for (const distance of distances) sum += Math.exp(scale * (distance - least));
      results[index]![row] = scale * least + Math.log(sum) - constants[index]!;
    }
  });
  return results;
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function leastOf(values: Float64Array): number {
  let least = Infinity;
  for (const value of values) if (value < least) least = value;
  return least;
}
