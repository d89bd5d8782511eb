/**
 * The nemesis: minutes of faults by chance, after which weights and losses are those of a run that nothing disturbed, and nothing is left.
 *
 * `npm test` runs a short one over each carrier, `npm run test:faults -- --nemesis 30m --carrier shm --seed 7` a long one.
 */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { errorTable } from '@lockstep/shared';
import { eventually, type Run, temporaryDirectory, within } from '../e2e/harness.ts';
import { assertNothingLeft, needsProc, tracesOf } from '../e2e/processes.ts';
import { type CarrierMix, startCluster } from './cluster.ts';
import { deeds, mountSmallDisk } from './deeds.ts';
import { drawPlan, rage } from './nemesis.ts';
import { undisturbed } from './play.ts';
import { pauseVariable } from './recipe.ts';

const seconds = Number(process.env['LOCKSTEP_NEMESIS_SECONDS'] ?? 20);
const seed = Number(process.env['LOCKSTEP_NEMESIS_SEED'] ?? 1);
const carriers = (process.env['LOCKSTEP_NEMESIS_CARRIER'] ?? 'shm,inline,mixed').split(',') as CarrierMix[];
const workers = ['a', 'b', 'c'];
const endless = 2 ** 31;

/** The steps of the run are known only afterwards: as many as were done, and a few more, so that it ends undisturbed. */
async function survive(t: TestContext, carrier: CarrierMix): Promise<void> {
  const disk = await mountSmallDisk(t, 64);
  const hasDisk = disk !== undefined;
  const plan = drawPlan({ seed, durationMs: seconds * 1000, workers, hasDisk });
  const replay = `npm run test:faults -- --nemesis ${seconds}s --carrier ${carrier} --seed ${seed}`;
  t.diagnostic(`${plan.length} faults; again with: ${replay}${hasDisk ? '' : '; no full disk, which needs to mount a tmpfs (root)'}`);
  const cluster = await startCluster(t, {
    steps: endless,
    workers,
    carrier,
    place: disk ?? (await temporaryDirectory(t)),
    args: ['--checkpoint-every', '10', '--worker-timeout', '10'],
    // Steps are few enough that the same number of them is soon done undisturbed.
    environment: { [pauseVariable]: seconds > 60 ? '20' : '5' },
  });
  const traces = await tracesOf(cluster.run, cluster.temporary);
  for (const each of cluster.places) each.start();
  await eventually(cluster.run, 'a step', async () => (await cluster.run.losses()).length > 0);
  const { counts } = await rage(cluster, plan, (line) => void (seconds > 60 && console.log(line)));

  // All of them have to be there: one that just starts hears no signal yet, and learns of no end.
  await eventually(cluster.run, 'all workers', async () => (await told(cluster.run)).workers.live === workers.length);
  cluster.run.child.kill('SIGTERM');
  assert.equal((await within(cluster.run, 'its end', cluster.run.exited)).code, errorTable.stopped.exitCode, cluster.run.output());
  // One whose link broke just then has not heard of the end.
  for (const { name } of cluster.places) await deeds.terminate(cluster, { to: name });
  const steps = (await cluster.run.losses()).length + 10;
  await cluster.resume(['--steps', String(steps)]);
  for (const each of cluster.places) each.start();
  const { weightsSha256 } = await cluster.run.completed();
  const expected = await undisturbed(t, steps);
  t.diagnostic(`${steps} steps, ${JSON.stringify(counts)}`);
  t.diagnostic(`weights ${JSON.stringify(weightsSha256)}, undisturbed ${JSON.stringify(expected.weightsSha256)}`);
  assert.deepEqual(weightsSha256, expected.weightsSha256, replay);
  assert.deepEqual(await cluster.run.losses(), expected.losses, replay);
  await assertNothingLeft(traces);
}

async function told(run: Run): Promise<{ workers: { live: number } }> {
  return (await (await fetch(`${await run.metricsUrl()}/status`)).json()) as Awaited<ReturnType<typeof told>>;
}

describe('a nemesis', { concurrency: 1, skip: needsProc }, () => {
  for (const carrier of carriers)
    test(`over ${carrier}, ${seconds} s, seed ${seed}: same weights, same losses, nothing left`, (t) => survive(t, carrier));
});
