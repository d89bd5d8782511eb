/** How much a model's samples differ from one another. */
import type { Rows } from './distances.ts';
import { ssim } from './ssim.ts';

/**
 * Mean structural similarity of pairs of pictures: the first with the second, the third with the fourth, and so on. Samples are independent
 * of their order, so these pairs are as good as random ones. Low for varied pictures; 1 where a model draws one picture only (Odena et al.
 * 2017, "Conditional Image Synthesis with Auxiliary Classifier GANs", with one scale instead of several). At least two pictures.
 */
export function meanPairwiseSsim({ values, count, width: size }: Rows, height: number, width: number): number {
  const pairs = Math.floor(count / 2);
  let sum = 0;
  for (let pair = 0; pair < pairs; pair += 1) {
    const picture = (index: number): Float32Array => values.subarray(index * size, (index + 1) * size);
    sum += ssim(picture(2 * pair), picture(2 * pair + 1), height, width);
  }
  return sum / pairs;
}
