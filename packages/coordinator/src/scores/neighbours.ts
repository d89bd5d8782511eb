/** What nearest neighbours say: whether samples are copies of what the model has seen. */
import { eachSquaredDistances, type Rows } from './distances.ts';

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
