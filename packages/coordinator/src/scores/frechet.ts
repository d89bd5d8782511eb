/**
 * Frechet distance between two sets of features, each taken for a Gaussian: Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update
 * Rule Converge to a Local Nash Equilibrium". With the features of a classifier of digits it is not the FID that papers report, which has
 * Inception's features: compare it with values from this program and the same classifier only.
 */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { Rows } from './distances.ts';

/** |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2). At least two rows each. */
export function frechetDistance(a: Rows, b: Rows): number {
  const [first, second] = [momentsOf(a), momentsOf(b)];
  const means = first.mean.reduce((sum, value, index) => sum + (value - second.mean[index]!) ** 2, 0);
  return means + first.covariance.trace() + second.covariance.trace() - 2 * traceOfRoot(first.covariance, second.covariance);
}

/** Mean and covariance (over n - 1) of the columns. */
function momentsOf({ values, count, width }: Rows): { mean: number[]; covariance: Matrix } {
  const mean = Array.from({ length: width }, (_, column) => {
    let sum = 0;
    for (let row = 0; row < count; row += 1) sum += values[row * width + column]!;
    return sum / count;
  });
  const covariance = Matrix.zeros(width, width);
  for (let i = 0; i < width; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = 0;
      for (let row = 0; row < count; row += 1) sum += (values[row * width + i]! - mean[i]!) * (values[row * width + j]! - mean[j]!);
      covariance.set(i, j, sum / (count - 1)).set(j, i, sum / (count - 1));
    }
  }
  return { mean, covariance };
}

/** tr((A B)^1/2) of two covariances: the roots of the eigenvalues of A^1/2 B A^1/2, which is symmetric and has those of A B. */
function traceOfRoot(a: Matrix, b: Matrix): number {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(a, { assumeSymmetric: true });
  const root = eigenvectorMatrix.mmul(Matrix.diag(realEigenvalues.map(rootOf))).mmul(eigenvectorMatrix.transpose());
  const product = root.mmul(b).mmul(root);
  const symmetric = Matrix.add(product, product.transpose()).mul(0.5);
  return new EigenvalueDecomposition(symmetric, { assumeSymmetric: true }).realEigenvalues.reduce((sum, value) => sum + rootOf(value), 0);
}

/** Rounding leaves eigenvalues a little below zero where a feature is constant. */
function rootOf(value: number): number {
  return Math.sqrt(Math.max(0, value));
}
