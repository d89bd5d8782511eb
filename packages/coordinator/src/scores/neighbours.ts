/** What nearest neighbours say: whether samples look real, whether they cover what is real, and whether they are copies. */
import { eachSquaredDistances, type Rows } from './distances.ts';

/** Of Kynkaanniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models"; k = 3 as in the paper. */
export interface PrecisionRecall {
  /** Share of samples that lie in the manifold of the real rows. */
  readonly precision: number;
  /** Share of real rows that lie in the manifold of the samples. */
  readonly recall: number;
}

const neighboursOfManifold = 3;

/** Rows are features. The manifold of a set: a ball around each row, as far as its third nearest neighbour in the set. */
export async function precisionRecall(samples: Rows, real: Rows): Promise<PrecisionRecall> {
  return { precision: await shareWithin(samples, real), recall: await shareWithin(real, samples) };
}

/** The row of `of` that is nearest to each row of `rows`, and the squared distance; the first of several equally near ones. */
export async function nearest(rows: Rows, of: Rows): Promise<{ readonly index: Int32Array; readonly squaredDistance: Float64Array }> {
  const index = new Int32Array(rows.count);
  const squaredDistance = new Float64Array(rows.count);
  await eachSquaredDistances(rows, of, (row, distances) => {
    let best = 0;
    for (let candidate = 1; candidate < distances.length; candidate += 1) if (distances[candidate]! < distances[best]!) best = candidate;
    index[row] = best;
    squaredDistance[row] = distances[best]!;
  });
  return { index, squaredDistance };
}

/**
 * Share of samples that are closer to a row of `training` than to any row of `test`; equal distances count half. Both must have one number of
 * rows, or the larger one is nearer by chance. About one half for a model that has not memorised; rises towards 1 for one that has.
 */
export async function shareCloserToTraining(samples: Rows, training: Rows, test: Rows): Promise<number> {
  const { squaredDistance: toTraining } = await nearest(samples, training);
  const { squaredDistance: toTest } = await nearest(samples, test);
  const points = toTraining.reduce((sum, distance, row) => sum + (distance < toTest[row]! ? 1 : distance === toTest[row]! ? 0.5 : 0), 0);
  return points / samples.count;
}

async function shareWithin(rows: Rows, manifold: Rows): Promise<number> {
  const radii = await squaredRadii(manifold);
  let within = 0;
  await eachSquaredDistances(rows, manifold, (_row, distances) => {
    if (distances.some((distance, index) => distance <= radii[index]!)) within += 1;
  });
  return within / rows.count;
}

/** The row itself, at distance 0, is not its own neighbour: its third neighbour is the fourth of its sorted distances. */
async function squaredRadii(rows: Rows): Promise<Float64Array> {
  const radii = new Float64Array(rows.count);
  await eachSquaredDistances(rows, rows, (row, distances) => {
    radii[row] = distances.toSorted()[Math.min(neighboursOfManifold, distances.length - 1)]!;
  });
  return radii;
}
