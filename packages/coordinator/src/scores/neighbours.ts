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
export function precisionRecall(samples: Rows, real: Rows): PrecisionRecall {
  return { precision: shareWithin(samples, real), recall: shareWithin(real, samples) };
}

/** The row of `of` that is nearest to each row of `rows`, and the squared distance; the first of several equally near ones. */
export function nearest(rows: Rows, of: Rows): { readonly index: Int32Array; readonly squaredDistance: Float64Array } {
  const index = new Int32Array(rows.count);
  const squaredDistance = new Float64Array(rows.count);
  eachSquaredDistances(rows, of, (row, distances) => {
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
export function shareCloserToTraining(samples: Rows, training: Rows, test: Rows): number {
  const [toTraining, toTest] = [nearest(samples, training).squaredDistance, nearest(samples, test).squaredDistance];
  const points = toTraining.reduce((sum, distance, row) => sum + (distance < toTest[row]! ? 1 : distance === toTest[row]! ? 0.5 : 0), 0);
  return points / samples.count;
}

function shareWithin(rows: Rows, manifold: Rows): number {
  const radii = squaredRadii(manifold);
  let within = 0;
  eachSquaredDistances(rows, manifold, (_row, distances) => {
    if (distances.some((distance, index) => distance <= radii[index]!)) within += 1;
  });
  return within / rows.count;
}

/** The row itself, at distance 0, is not its own neighbour: its third neighbour is the fourth of its sorted distances. */
function squaredRadii(rows: Rows): Float64Array {
  const radii = new Float64Array(rows.count);
  eachSquaredDistances(rows, rows, (row, distances) => {
    radii[row] = distances.toSorted()[Math.min(neighboursOfManifold, distances.length - 1)]!;
  });
  return radii;
}
