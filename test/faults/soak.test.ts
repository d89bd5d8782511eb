/**
 * Does a coordinator last? Minutes of faults of its workers and their links, after which it holds no more memory and no more sockets and files
 * than before. `npm test` runs half a minute, `npm run test:faults` ten minutes.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { errorTable } from '@lockstep/shared';
import { eventually, root, temporaryDirectory, within } from '../e2e/harness.ts';
import { assertNothingLeft, needsProc, tracesOf } from '../e2e/processes.ts';
import { startCluster } from './cluster.ts';
import { drawPlan, rage } from './nemesis.ts';
import { pauseVariable } from './recipe.ts';

const isFull = process.env['LOCKSTEP_FULL'] === '1';
const seconds = isFull ? 600 : 30;
const workers = ['a', 'b', 'c'];
const megabyte = 2 ** 20;
/** A short soak includes the time in which memory still settles. */
const [mostHeldGrowth, mostResidentGrowth] = isFull ? [2 * megabyte, 5 * megabyte] : [10 * megabyte, 50 * megabyte];

interface Sample {
  /** Heap and external memory after a garbage collection, in bytes. */
  readonly held: number;
  readonly rss: number;
  readonly descriptors: number;
}

test(`a coordinator under ${seconds} s of faults holds no more memory, sockets and files in the end`, { skip: needsProc }, async (t) => {
  const place = await temporaryDirectory(t);
  const memoryLog = join(place, 'memory.jsonl');
  const cluster = await startCluster(t, {
    steps: 2 ** 31,
    workers,
    carrier: 'mixed',
    place,
    args: ['--checkpoint-every', '50', '--worker-timeout', '10'],
    environment: { [pauseVariable]: '5' },
    ofCoordinator: { NODE_OPTIONS: `--import ${join(root, 'test/faults/memory-probe.mjs')}`, TEST_MEMORY_LOG: memoryLog },
  });
  const traces = await tracesOf(cluster.run, cluster.temporary);
  for (const each of cluster.places) each.start();
  await eventually(cluster.run, 'a step', async () => (await cluster.run.losses()).length > 0);
  const plan = drawPlan({ seed: 1, durationMs: seconds * 1000, workers, hasDisk: false, sparesCoordinator: true });
  const { counts } = await rage(cluster, plan, () => {});
  cluster.run.child.kill('SIGTERM');
  assert.equal((await within(cluster.run, 'its end', cluster.run.exited)).code, errorTable.stopped.exitCode, cluster.run.output());
  const samples = (await readFile(memoryLog, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Sample);
  const third = (index: number): Sample[] => samples.slice((index * samples.length) / 3, ((index + 1) * samples.length) / 3);
  const least = (field: keyof Sample, index: number): number => Math.min(...third(index).map((sample) => sample[field]));
  const peak = (index: number): number => Math.max(...third(index).map(({ rss }) => rss));
  const held = [0, 1, 2].map((index) => (least('held', index) / megabyte).toFixed(2));
  const peaks = [0, 1, 2].map((index) => (peak(index) / megabyte).toFixed(1));
  t.diagnostic(
    `${(await cluster.run.losses()).length} steps, ${JSON.stringify(counts)}; by thirds: held ${held.join(', ')} MB, peaks ${peaks.join(', ')} MB`,
  );
  assert.ok(least('held', 2) - least('held', 1) < mostHeldGrowth, `heap and external: ${held.join(', ')} MB`);
  assert.ok(peak(2) - peak(1) <= mostResidentGrowth, `peaks of resident memory: ${peaks.join(', ')} MB`);
  assert.ok(least('descriptors', 2) <= least('descriptors', 1) + workers.length, 'descriptors');
  await assertNothingLeft(traces);
});
