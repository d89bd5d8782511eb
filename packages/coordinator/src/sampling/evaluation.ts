/**
 * The scores of a model's pictures beside those of its data: what is computed, on how much, and from where each method comes.
 *
 * Pictures and data are scaled to [0, 1] first. Not responsible for: arithmetic (`scores/`), drawing, or files.
 */
import type { Log } from '@lockstep/shared';
import { type Rows, rowsOf } from '../scores/distances.ts';
import { meanPairwiseSsim } from '../scores/diversity.ts';
import { nearest, shareCloserToTraining } from '../scores/neighbours.ts';
import { parzenScore } from '../scores/parzen.ts';
import { ssimWindow } from '../scores/ssim.ts';
import type { PictureShape } from '../reporting/grid.ts';

export interface Score {
  readonly name: string;
  readonly value: number;
  /** Of the value, if the method gives one. */
  readonly standardError?: number;
  readonly unit: string;
  /** In words: on what, with which settings, and what is good. */
  readonly method: string;
  /** Where the method comes from. */
  readonly source: string;
}

/** A picture beside the training picture nearest to it; rows of `samples` and `training`. */
export interface Neighbour {
  readonly sample: number;
  readonly training: number;
  /** Euclidean, over pixels in [0, 1]. */
  readonly distance: number;
}

export interface Evaluation {
  readonly scores: readonly Score[];
  /** Of the pictures that were compared, the ones nearest to training, nearest first. */
  readonly neighbours: readonly Neighbour[];
}

export interface Compared {
  /** What the model drew, in [0, 1]. */
  readonly samples: Rows;
  readonly training: Rows;
  readonly test: Rows;
  readonly shape: PictureShape;
}

/** Rows of the training split that choose the width of the Parzen window: its last ones. */
const validationRows = 1000;
/** Pictures whose nearest neighbours are looked for: each is compared with all of training. */
const comparedRows = 200;
const neighboursShown = 32;

const sources = {
  parzen: 'Goodfellow et al. 2014, Generative Adversarial Nets, section 5; Breuleux et al. 2011',
  ssim: 'Wang et al. 2004, Image quality assessment; pairs as in Odena et al. 2017',
  neighbours: 'Nearest neighbours in pixels, as in Goodfellow et al. 2014, figure 2',
} as const;

export async function evaluate({ samples, training, test, shape }: Compared, log: Pick<Log, 'info'>): Promise<Evaluation> {
  log.info(`Parzen window: ${samples.count} pictures and ${test.count} of the test split.`);
  const parzen = await parzenScore(samples, { validation: lastRows(training, validationRows), test });
  log.info(`Nearest neighbours of ${Math.min(comparedRows, samples.count)} pictures in ${training.count} of training.`);
  const compared = firstRows(samples, comparedRows);
  const found = await nearest(compared, training);
  const closer = await shareCloserToTraining(compared, firstRows(training, test.count), test);
  const [height, width, channels = 1] = shape;
  const scores: Score[] = [
    {
      name: 'Parzen log-likelihood',
      value: parzen.mean,
      standardError: parzen.standardError,
      unit: 'nats',
      method: `Mean over ${test.count} test pictures, a Gaussian of standard deviation ${parzen.sigma.toFixed(4)} on each of ${samples.count} pictures of the model; the deviation is the best of ${parzen.validation.length} on the last ${validationRows} training pictures. ${samples.width} pixels in [0, 1], not binarised. Higher is better.`,
      source: sources.parzen,
    },
    {
      name: 'Closer to training than to test',
      value: closer,
      unit: 'share',
      method: `Of ${compared.count} pictures, those nearer to one of the first ${Math.min(test.count, training.count)} training pictures than to any of ${test.count} test pictures. 0.5 is a model that has not memorised.`,
      source: sources.neighbours,
    },
  ];
  if (channels === 1 && height >= ssimWindow && width >= ssimWindow) {
    scores.push({
      name: 'Similarity of pairs (SSIM)',
      value: meanPairwiseSsim(samples, height, width),
      unit: 'from 0 to 1',
      method: `Mean over ${Math.floor(samples.count / 2)} pairs, one scale, Gaussian window of ${ssimWindow} x ${ssimWindow}. Lower is more varied; compare with the data's, ${meanPairwiseSsim(test, height, width).toFixed(4)}.`,
      source: sources.ssim,
    });
  }
  const neighbours = [...found.index].map((row, sample) => ({
    sample,
    training: row,
    distance: Math.sqrt(found.squaredDistance[sample]!),
  }));
  return { scores, neighbours: neighbours.toSorted((a, b) => a.distance - b.distance).slice(0, neighboursShown) };
}

function firstRows({ values, count, width }: Rows, wanted: number): Rows {
  return rowsOf(values.subarray(0, Math.min(wanted, count) * width), width);
}

function lastRows({ values, count, width }: Rows, wanted: number): Rows {
  return rowsOf(values.subarray(Math.max(0, count - wanted) * width), width);
}
