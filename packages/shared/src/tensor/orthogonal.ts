/**
 * Random orthogonal matrices (Saxe, McClelland & Ganguli 2014), without TensorFlow, whose QR has no stated order of operations.
 *
 * Normal vectors, as many and as long as the matrix has columns and rows (or rows and columns, whichever are fewer), made orthogonal one
 * after the other by Gram & Schmidt, twice, since once leaves rounding errors (Giraud et al. 2005). That is a QR factorization whose R has a
 * positive diagonal, so Q is uniform over orthogonal matrices (Mezzadri 2007), as TF.js and Keras have it. Arithmetic is float64; sums run
 * in index order.
 */

/** The most multiplications, about: ten seconds. A recurrent kernel of 1024 x 4096 has as many. */
const maximumProducts = 2 ** 32;

/** A kernel's shape as a matrix: the last axis are its columns. */
function sizesOf(shape: readonly number[]): { readonly rows: number; readonly columns: number } {
  return { rows: shape.slice(0, -1).reduce((product, size) => product * size, 1), columns: shape.at(-1)! };
}

/** Whether a kernel of this shape can be drawn in a reasonable time. */
export function canBeOrthogonal(shape: readonly number[]): boolean {
  const { rows, columns } = sizesOf(shape);
  return shape.length >= 2 && Math.min(rows, columns) ** 2 * Math.max(rows, columns) <= maximumProducts;
}

/** Fills a kernel of this shape, of at least two axes, row-major. `normal` draws one number after the other. */
export function fillOrthogonal(values: Float32Array, shape: readonly number[], gain: number, normal: () => number): void {
  const { rows, columns } = sizesOf(shape);
  const [count, length] = [Math.min(rows, columns), Math.max(rows, columns)];
  const vectors: Float64Array[] = [];
  for (let index = 0; index < count; index += 1) {
    const vector = Float64Array.from({ length }, normal);
    for (let pass = 0; pass < 2; pass += 1) for (const other of vectors) subtractProjection(vector, other);
    const norm = Math.sqrt(product(vector, vector));
    for (let at = 0; at < length; at += 1) vector[at]! /= norm;
    vectors.push(vector);
  }
  vectors.forEach((vector, index) => {
    const [start, step] = rows >= columns ? [index, columns] : [index * columns, 1];
    for (let at = 0; at < length; at += 1) values[start + at * step] = gain * vector[at]!;
  });
}

/** `direction` has length 1. */
function subtractProjection(vector: Float64Array, direction: Float64Array): void {
  const share = product(vector, direction);
  for (let at = 0; at < vector.length; at += 1) vector[at]! -= share * direction[at]!;
}

function product(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at += 1) sum += a[at]! * b[at]!;
  return sum;
}
