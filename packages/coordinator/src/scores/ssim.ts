/**
 * Structural similarity of two grey pictures: Wang, Bovik, Sheikh and Simoncelli 2004, "Image quality assessment: from error visibility to
 * structural similarity". One scale: standard multi-scale SSIM needs pictures of at least 161 pixels a side.
 */

/** As in the paper: a Gaussian of standard deviation 1.5, cut to 11 x 11; K1 = 0.01, K2 = 0.03. */
export const ssimWindow = 11;
const sigma = 1.5;
const k1 = 0.01;
const k2 = 0.03;

const weights = gaussian();

/** Of two pictures with values in [0, 1], row by row: the mean over all positions of a whole window. 1 for equal pictures. */
export function ssim(a: Float32Array, b: Float32Array, height: number, width: number): number {
  const products = (x: Float32Array, y: Float32Array): Float64Array => Float64Array.from(x, (value, index) => value * y[index]!);
  const blurred = (values: Float32Array | Float64Array): Float64Array => blur(values, height, width);
  const [meanA, meanB] = [blurred(a), blurred(b)];
  const [squareA, squareB, product] = [blurred(products(a, a)), blurred(products(b, b)), blurred(products(a, b))];
  const [c1, c2] = [k1 ** 2, k2 ** 2];
  let sum = 0;
  for (const [index, ma] of meanA.entries()) {
    const mb = meanB[index]!;
    const varianceA = squareA[index]! - ma * ma;
    const varianceB = squareB[index]! - mb * mb;
    const covariance = product[index]! - ma * mb;
    sum += ((2 * ma * mb + c1) * (2 * covariance + c2)) / ((ma * ma + mb * mb + c1) * (varianceA + varianceB + c2));
  }
  return sum / meanA.length;
}

/** Weighted means over every whole window: `(height - 10) x (width - 10)` of them. */
function blur(values: Float32Array | Float64Array, height: number, width: number): Float64Array {
  const columns = width - ssimWindow + 1;
  const rows = height - ssimWindow + 1;
  const horizontal = new Float64Array(height * columns);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      let sum = 0;
      for (let k = 0; k < ssimWindow; k += 1) sum += weights[k]! * values[row * width + column + k]!;
      horizontal[row * columns + column] = sum;
    }
  }
  const result = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      let sum = 0;
      for (let k = 0; k < ssimWindow; k += 1) sum += weights[k]! * horizontal[(row + k) * columns + column]!;
      result[row * columns + column] = sum;
    }
  }
  return result;
}

function gaussian(): readonly number[] {
  const half = (ssimWindow - 1) / 2;
  const values = Array.from({ length: ssimWindow }, (_, index) => Math.exp(-((index - half) ** 2) / (2 * sigma ** 2)));
  const sum = values.reduce((a, b) => a + b);
  return values.map((value) => value / sum);
}
