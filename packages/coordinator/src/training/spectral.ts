/**
 * What a network with spectral normalization computes with, for exports: its kernels divided by their largest singular value, found by one
 * power iteration as in training (worker, `networks/spectral-normalization.ts`), in float64 and rounded once.
 */
import { elementCount, type Manifest } from '@lockstep/shared';

/** `weights`, or a copy in which kernels are divided. */
export function effectiveWeights(
  { parameters, state: layout }: Manifest,
  weights: Float32Array,
  state: Float32Array | undefined,
): Float32Array {
  const vectors = (layout?.parameters ?? []).filter(({ normalizes }) => normalizes !== undefined);
  if (vectors.length === 0) return weights;
  const divided = weights.slice();
  for (const { normalizes, offset, shape } of vectors) {
    const kernel = parameters.find(({ name }) => name === normalizes)!;
    const values = divided.subarray(kernel.offset, kernel.offset + elementCount(kernel.shape));
    const sigma = largestSingularValue(values, state!.subarray(offset, offset + shape[0]!));
    for (let index = 0; index < values.length; index += 1) values[index] = values[index]! / sigma;
  }
  return divided;
}

/** Of a matrix of shape [rows, u.length], row-major. */
function largestSingularValue(matrix: Float32Array, u: Float32Array): number {
  const columns = u.length;
  const rows = matrix.length / columns;
  const v = new Float64Array(rows);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) v[row]! += matrix[row * columns + column]! * u[column]!;
  }
  const norm = lengthOf(v);
  const image = new Float64Array(columns);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) image[column]! += (matrix[row * columns + column]! * v[row]!) / norm;
  }
  return lengthOf(image);
}

function lengthOf(vector: Float64Array): number {
  return Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
}
