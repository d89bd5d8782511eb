/** kill -9 at random times, again and again. `npm test` runs a few, `npm run test:faults` 20 repeats and 100 kills of the coordinator. */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { median } from '../bench/statistics.ts';
import { eventually } from '../e2e/harness.ts';
import { assertNothingLeft, needsProc, tracesOf } from '../e2e/processes.ts';
import type { Outcome } from '../e2e/scenarios.ts';
import { createRandom, type Random } from '../simulation/random.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { coordinator, deeds } from './deeds.ts';
import type { Entry } from './plan.ts';
import { play, steps, undisturbed } from './play.ts';

const isFull = process.env['LOCKSTEP_FULL'] === '1';
const repeats = isFull ? 20 : 1;
const [runs, killsOfEach] = isFull ? [20, 5] : [1, 3];
/** More than can be done between so many kills. */
const longSteps = 300;

/** Some kills of workers and the coordinator, each at a random step; whoever was killed is started again. */
function drawKills(random: Random): Entry[] {
  let step = 0;
  return Array.from({ length: 4 }, () => {
    step += random.below(steps / 5);
    const to = random.pick(['a', 'b', 'both', coordinator]);
    const targets = to === 'both' ? ['a', 'b'] : [to];
    const kills = targets.map((each) => ({ do: 'kill', to: each }) as const);
    const starts = targets.map((each) => ({ do: 'start', to: each }) as const);
    return [{ at: { step }, ...kills[0]! }, ...kills.slice(1), ...starts];
  }).flat();
}

/** From the start of its process to its first commit. */
async function resumeAndMeasure(cluster: Cluster): Promise<number> {
  const startMs = performance.now();
  await cluster.resume();
  const { run } = cluster;
  const [, from] = await eventually(run, 'resume', () => /Resuming after step (\d+)|starting from the beginning/.exec(run.output()));
  await eventually(run, 'commit', async () => (await run.losses()).length > Number(from ?? 0));
  return performance.now() - startMs;
}

async function killAgainAndAgain(t: TestContext, random: Random, expected: Outcome): Promise<number[]> {
  const cluster = await startCluster(t, { steps: longSteps, workers: ['a', 'b'], carrier: 'shm', args: ['--checkpoint-every', '5'] });
  const traces = await tracesOf(cluster.run, cluster.temporary);
  for (const place of cluster.places) place.start();
  await eventually(cluster.run, 'a checkpoint', async () => (await cluster.run.losses()).length > 5);
  const times: number[] = [];
  for (let kill = 0; kill < killsOfEach; kill += 1) {
    // A step takes some ten milliseconds, and a restart goes back by at most five.
    await pause(random.below(100));
    await deeds.kill(cluster, { to: coordinator });
    times.push(await resumeAndMeasure(cluster));
  }
  assert.deepEqual((await cluster.run.completed()).weightsSha256, expected.weightsSha256);
  assert.deepEqual(await cluster.run.losses(), expected.losses);
  await assertNothingLeft(traces);
  return times;
}

describe('kill -9', { concurrency: 1, skip: needsProc }, () => {
  for (let seed = 1; seed <= repeats; seed += 1) {
    test(`kills at random times, seed ${seed}`, (t) => {
      const entries = drawKills(createRandom(seed));
      t.diagnostic(JSON.stringify(entries));
      return play(t, { carrier: seed % 2 === 0 ? 'shm' : 'inline', entries });
    });
  }

  test(`kills of the coordinator at random times, ${runs * killsOfEach} in ${runs} runs`, async (t) => {
    const random = createRandom(1);
    const times: number[] = [];
    const expected = await undisturbed(t, longSteps);
    for (let run = 0; run < runs; run += 1) times.push(...(await killAgainAndAgain(t, random, expected)));
    const [middle, most] = [median(times), Math.max(...times)].map((each) => (each / 1000).toFixed(2));
    t.diagnostic(`from restart to the next commit: median ${middle} s, at most ${most} s`);
  });
});
