/**
 * Does a worker's computation last? Thousands of steps of gan-seed on native TensorFlow, weights replaced every phase as a worker replaces
 * them: no abort, no tensor and no memory left behind.
 *
 * In full (`npm run test:long`) 20,000 steps, a quarter of an hour; `npm test` runs 300. LOCKSTEP_SOAK_STEPS sets another number,
 * LOCKSTEP_SOAK_EXECUTION another way to run phases: eager, graph (the default) or xla.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { builtInRecipe, type Execution, updatedNetworks } from '@lockstep/shared';
import { inExecution } from '../../packages/worker/src/backends/execution.ts';
import { loadTensorflow } from '../../packages/worker/src/backends/tensorflow.ts';
import { createCompute } from '../../packages/worker/src/compute/compute.ts';
import { requireBuild } from '../native/tensorflow.ts';
import { busyWeights, randomPixels, seed } from '../numerics/setup.ts';

const steps = Number(process.env['LOCKSTEP_SOAK_STEPS'] ?? (process.env['LOCKSTEP_FULL'] === '1' ? 20_000 : 300));
const execution = (process.env['LOCKSTEP_SOAK_EXECUTION'] ?? 'graph') as Execution;
const batchSize = 128;
const samples = 60;
const growthMegabytes = 5;

test(`${steps} steps, ${execution}: resident memory of the last third is at most ${growthMegabytes} MB above the middle third's`, async (t) => {
  if (!requireBuild(t)) return;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const recipe = builtInRecipe('gan-seed');
  const compute = await createCompute({
    backend: inExecution(execution, await loadTensorflow()),
    recipe,
    run: { seed, batchSize, shardCount: 1 },
  });
  const pixels = randomPixels(batchSize * 784);
  const flats: Record<string, Float32Array> = {};
  for (const [index, [network, manifest]] of Object.entries(compute.manifests).entries()) {
    flats[network] = busyWeights(manifest, index);
    compute.setWeights(network, 0, flats[network]);
  }

  const step = async (number: number): Promise<void> => {
    for (const [phase, { inputs, ...each }] of recipe.phases.entries()) {
      const [updates] = updatedNetworks(each) as [string];
      const job = { phase, round: number * recipe.phases.length + phase, shards: [0] };
      const answer = await compute.gradient({ ...job, samples: inputs.includes('real') ? pixels : new Uint8Array() });
      // A new array every time, as from a message; the rate is too small to learn anything, and large enough to change the bits.
      flats[updates] = flats[updates]!.map((weight, index) => weight - 1e-6 * answer.flats[0]![index]!);
      compute.setWeights(updates, number + 1, flats[updates]);
    }
  };
  const residentMegabytes = async (): Promise<number> => {
    // Twice, with a turn of the event loop between: finalizers run in that turn, and the second collection frees what they released.
    collect();
    await setImmediate();
    collect();
    return process.memoryUsage.rss() / 2 ** 20;
  };

  await step(0);
  const tensors = compute.tensorCount();
  const resident: number[] = [];
  const every = Math.max(1, Math.floor(steps / samples));
  for (let number = 1; number <= steps; number += 1) {
    await step(number);
    if (number % every !== 0) continue;
    assert.equal(compute.tensorCount(), tensors, `tensors after step ${number}`);
    resident.push(await residentMegabytes());
  }
  compute.dispose();

  const median = (third: number): number => {
    const size = Math.floor(resident.length / 3);
    return resident.slice(third * size, (third + 1) * size).toSorted((left, right) => left - right)[size >> 1]!;
  };
  const shown = resident.map((megabytes) => megabytes.toFixed(1)).join(' ');
  t.diagnostic(`resident MB: ${shown}`);
  assert.ok(median(2) <= median(1) + growthMegabytes, `from ${median(1).toFixed(1)} to ${median(2).toFixed(1)} MB; all: ${shown}`);
});
