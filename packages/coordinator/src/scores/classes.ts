/** What a classifier's answers to a model's samples say about it. */
import type { Rows } from './distances.ts';

export interface InceptionScore {
  /** Over the splits. Between 1 and the number of classes. */
  readonly mean: number;
  readonly standardDeviation: number;
}

/**
 * exp of the mean divergence of a sample's class probabilities from those of all samples: Salimans et al. 2016, "Improved Techniques for
 * Training GANs", in splits of equal size as there. With a classifier of digits it is not the Inception score of papers.
 */
export function inceptionScore(probabilities: Rows, splits = 10): InceptionScore {
  const size = Math.floor(probabilities.count / splits);
  const scores = Array.from({ length: splits }, (_, split) => scoreOf(probabilities, split * size, (split + 1) * size));
  const mean = scores.reduce((a, b) => a + b) / splits;
  return { mean, standardDeviation: Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / splits) };
}

/** Share of the rows whose likeliest class is each; the first of several equally likely ones. Sums to 1. */
export function classShares({ values, count, width }: Rows): number[] {
  const shares = Array.from({ length: width }, () => 0);
  for (let row = 0; row < count; row += 1) {
    let best = 0;
    for (let label = 1; label < width; label += 1) if (values[row * width + label]! > values[row * width + best]!) best = label;
    shares[best]! += 1 / count;
  }
  return shares;
}

function scoreOf({ values, width }: Rows, first: number, last: number): number {
  const marginal = Array.from({ length: width }, (_, label) => {
    let sum = 0;
    for (let row = first; row < last; row += 1) sum += values[row * width + label]!;
    return sum / (last - first);
  });
  let divergence = 0;
  for (let row = first; row < last; row += 1) {
    for (const [label, all] of marginal.entries()) {
      const own = values[row * width + label]!;
      // p log p goes to 0 with p.
      if (own > 0) divergence += own * (Math.log(own) - Math.log(all));
    }
  }
  return Math.exp(divergence / (last - first));
}
