/** Data augmentation by declared inputs, on wasm: cut into other shards, a batch is changed in the same way, and differently in every round. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadRecipe } from '@lockstep/shared';
import { randomPixels, readyCompute, relativeDistance } from './setup.ts';

const batchSize = 12;

test('the gradient of a batch of changed pictures does not depend on how it is cut, and changes with the round', async () => {
  const { recipe } = await loadRecipe(join(import.meta.dirname, '../fixtures/augmented.mjs'));
  const samples = randomPixels(batchSize * 784);
  const gradientOf = async (shardCount: number, round: number): Promise<Float32Array> => {
    const compute = await readyCompute(recipe, batchSize, shardCount);
    const shards = Array.from({ length: shardCount }, (_, shard) => shard);
    const { flats } = await compute.gradient({ phase: 0, round, shards, samples });
    compute.dispose();
    return flats[0]!;
  };
  const whole = await gradientOf(1, 5);
  for (const shardCount of [2, 3, 4]) assert.ok(relativeDistance(await gradientOf(shardCount, 5), whole) < 1e-5);
  assert.ok(relativeDistance(await gradientOf(1, 6), whole) > 1e-3);
});
