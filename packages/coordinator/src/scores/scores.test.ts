import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { eachSquaredDistances, rowsOf, type Rows } from './distances.ts';
import { meanPairwiseSsim } from './diversity.ts';
import { nearest, shareCloserToTraining } from './neighbours.ts';
import { logLikelihoods, parzenScore, parzenSigmas } from './parzen.ts';
import { ssim } from './ssim.ts';

// Values of other programs on the same inputs: `scores.py` beside the file made them.
const url = new URL('../../../../test/fixtures/scores.json', import.meta.url);
const reference = JSON.parse(readFileSync(url, 'utf8')) as Record<'closer', number> & {
  parzen: { mean: number; standardError: number; sigma: number; validation: number[] };
  ssim: number[];
};

/** As `numbers` of scores.py: integers below 2^53, so both languages have the same ones. */
function numbers(seed: number, count: number, width: number): Rows {
  const values = Float32Array.from({ length: count * width }, (_, i) => ((i * i * 7919 + i * 104729 + seed * 15485863) % 65521) / 65521);
  return rowsOf(values, width);
}

function map({ values, width }: Rows, change: (value: number) => number): Rows {
  return rowsOf(values.map(change), width);
}

/** Inputs are float32, and some are computed from others in float64 there. */
function close(actual: number, expected: number, tolerance = 1e-6): void {
  const limit = tolerance * Math.max(1, Math.abs(expected));
  assert.ok(Math.abs(actual - expected) <= limit, `${actual} is not ${expected}`);
}

test('Parzen-window log-likelihood is that of SciPy', async () => {
  const score = await parzenScore(numbers(1, 90, 21), { validation: numbers(2, 40, 21), test: numbers(3, 70, 21) });
  close(score.mean, reference.parzen.mean);
  close(score.standardError, reference.parzen.standardError);
  close(score.sigma, reference.parzen.sigma);
  for (const [index, { sigma, mean }] of score.validation.entries()) {
    close(sigma, parzenSigmas[index]!);
    close(mean, reference.parzen.validation[index]!);
  }
});

test('the log-likelihood of a row far from every sample is finite, and of one sample at the row it is the density at the centre', async () => {
  const one = rowsOf(new Float32Array(784), 784);
  const [[far]] = (await logLikelihoods(
    one,
    map(one, () => 1000),
    [0.1],
  )) as [Float64Array];
  assert.ok(Number.isFinite(far) && far! < -1e9);
  const [[at]] = (await logLikelihoods(one, one, [0.1])) as [Float64Array];
  close(at!, -392 * Math.log(2 * Math.PI * 0.01));
});

test('structural similarity is that of scikit-image', async () => {
  const [p0, p1, p2, , p4, p5] = Array.from({ length: 6 }, (_, index) => numbers(7, 6, 784).values.slice(index * 784, (index + 1) * 784));
  const mixed = p0!.map((value, index) => value * 0.9 + p1![index]! * 0.1);
  const pictures = [p0!, mixed, p2!, p2!.map((value) => value * 0.5), p4!, p5!];
  for (const pair of [0, 1, 2]) close(ssim(pictures[2 * pair]!, pictures[2 * pair + 1]!, 28, 28), reference.ssim[pair]!);
  const all = rowsOf(Float32Array.from(pictures.flatMap((picture) => [...picture])), 784);
  close(meanPairwiseSsim(all, 28, 28), reference.ssim.reduce((a, b) => a + b) / 3);
  close(ssim(p0!, p0!, 28, 28), 1);
});

test('samples that are copies of training rows are all closer to training, and their neighbours are found', async () => {
  const [training, others] = [numbers(3, 70, 21), numbers(8, 70, 21)];
  close(await shareCloserToTraining(numbers(1, 90, 21), training, others), reference.closer);
  const copies = rowsOf(training.values.slice(0, 21 * 10), 21);
  assert.equal(await shareCloserToTraining(copies, training, others), 1);
  assert.deepEqual([...(await nearest(copies, training)).index], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(await shareCloserToTraining(copies, training, training), 0.5);
});

test('distances are right for rows of every width, in blocks and beyond', async () => {
  for (const width of [1, 2, 3, 4, 5, 7, 8]) {
    const [from, to] = [numbers(1, 130, width), numbers(2, 3, width)];
    let rows = 0;
    await eachSquaredDistances(from, to, (row, distances) => {
      assert.equal(row, rows);
      rows += 1;
      for (const [column, distance] of distances.entries()) {
        let expected = 0;
        for (let k = 0; k < width; k += 1) expected += (from.values[row * width + k]! - to.values[column * width + k]!) ** 2;
        close(distance, expected, 1e-12);
      }
    });
    assert.equal(rows, 130);
  }
});
