/** The sum over shards is the gradient of the whole batch, wherever it is added. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { atOnce, builtInRecipe, createFlatPool, elementCount, loadRecipe, shardSizes, shardStarts } from '@lockstep/shared';
import { createTreeSum } from '../../packages/coordinator/src/training/reduce.ts';
import { randomPixels, readyCompute, relativeDistance } from './setup.ts';

const example = await loadRecipe(fileURLToPath(new URL('../../examples/lsgan.mjs', import.meta.url)));
const batchSize = 26;
const pixels = randomPixels(batchSize * 784);

for (const recipe of [builtInRecipe('gan'), builtInRecipe('gan-seed'), example.recipe]) {
  test(`${recipe.name}: shards in the tree sum to the whole batch's gradient, in both phases`, async () => {
    const whole = await readyCompute(recipe, batchSize, 1);
    for (const [phase, { name, inputs }] of recipe.phases.entries()) {
      const samples = inputs.includes('real') ? pixels : new Uint8Array();
      const expected = await whole.gradient({ phase, round: 2, shards: [0], samples });
      for (const shardCount of [2, 3, 4, 8]) {
        const sharded = await readyCompute(recipe, batchSize, shardCount);
        const shards = Array.from({ length: shardCount }, (_, shard) => shard);
        const { flats, outcomes } = await sharded.gradient({ phase, round: 2, shards, samples });
        assert.equal(flats.length, 1);
        const distance = relativeDistance(flats[0]!, expected.flats[0]!);
        assert.ok(distance <= 1e-5, `${name}, ${shardCount} shards: relative distance ${distance}`);
        const sizes = shardSizes(batchSize, shardCount);
        const loss = outcomes.reduce((sum, outcome) => sum + (outcome.loss * sizes[outcome.shard]!) / batchSize, 0);
        assert.ok(Math.abs(loss - expected.outcomes[0]!.loss) <= 1e-6 * loss, `${name}, ${shardCount} shards: loss ${loss}`);
        sharded.dispose();
      }
    }
    whole.dispose();
  });
}

test('however six shards are assigned, the coordinator gets the same bits', async () => {
  const recipe = builtInRecipe('gan');
  const shardCount = 6;
  const compute = await readyCompute(recipe, batchSize, shardCount);
  const image = elementCount(recipe.real!.shape);
  const [sizes, starts] = [shardSizes(batchSize, shardCount), shardStarts(batchSize, shardCount)];
  const samplesOf = (shards: readonly number[]): Uint8Array =>
    Buffer.concat(shards.map((shard) => pixels.subarray(starts[shard]! * image, (starts[shard]! + sizes[shard]!) * image)));
  const totals: Float32Array[] = [];
  for (const assignment of [
    [[0, 1, 2, 3, 4, 5]],
    [[5], [3], [0], [1], [4], [2]],
    [
      [1, 2, 5],
      [0, 3, 4],
    ],
    [
      [4, 5],
      [2, 3],
      [0, 1],
    ],
  ]) {
    const sum = createTreeSum(shardCount, createFlatPool(shardCount));
    for (const shards of assignment) {
      const { nodes, flats } = await compute.gradient({ phase: 0, round: 9, shards, samples: samplesOf(shards) });
      nodes.forEach((node, index) => atOnce(sum.add(node, flats[index]!)));
    }
    totals.push(sum.total()!);
  }
  const bits = totals.map((total) => Buffer.from(total.buffer, total.byteOffset, total.byteLength));
  assert.ok(bits.every((each) => each.equals(bits[0]!)));
  compute.dispose();
});
