/** The promise on WebGPU, with real processes: one worker in messages and two through shared memory end with the same bits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Run, startRun } from '../e2e/harness.ts';
import { webgpu } from './adapter.ts';

/** A software adapter takes a tenth of a second for a product of matrices. */
const common = '--backend webgpu --spawn --batch-size 8 --shards 2 --steps 3 --grid-every 0 --checkpoint-every 0'.split(' ');
const patienceMs = 5 * 60_000;

test('the same seed gives the same weights on WebGPU', async (t) => {
  const backend = await webgpu(t);
  if (backend === undefined) return;
  const start = (args: readonly string[]): Promise<Run> => startRun(t, { args: [...common, ...args], patienceMs });
  const alone = await start(['--workers', '1', '--carrier', 'inline']);
  const { weightsSha256 } = await alone.completed();
  const joined = (await alone.events()).filter((line) => line['event'] === 'worker-joined');
  assert.deepEqual([joined[0]!['backend'], joined[0]!['device']], ['webgpu', backend.device]);
  const two = await start(['--workers', '2']);
  assert.deepEqual((await two.completed()).weightsSha256, weightsSha256);
  assert.match(two.output(), /All 2 local workers share one GPU/);
});
