/** Layers with noise of their own, in real processes: the same bits for any number of workers, and through a death and a resume. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { eventually, type Line, root, type Run, startRun, startWorker, temporaryDirectory } from './harness.ts';

const recipe = join(root, 'test/fixtures/layers.mjs');
const steps = 80;
const common = ['--recipe', recipe, '--steps', String(steps), '--grid-every', '0'];

interface Made {
  /** Everything in summary.json that is a hash. */
  readonly hashes: Line;
  readonly losses: Line[];
}

async function madeBy(run: Run): Promise<Made> {
  const summary = await run.completed();
  const hashes = Object.fromEntries(Object.entries(summary).filter(([name]) => name.endsWith('Sha256')));
  return { hashes, losses: await run.losses() };
}

async function train(t: TestContext, workers: number): Promise<Made> {
  return madeBy(await startRun(t, { args: ['--workers', String(workers), '--spawn', '--backend', 'wasm', ...common] }));
}

describe('layers', { concurrency: false }, () => {
  let reference: Promise<Made> | undefined;
  const undisturbed = (t: TestContext): Promise<Made> => (reference ??= train(t, 1));

  for (const workers of [2, 3]) {
    test(`the same bits with ${workers} workers as with 1`, async (t) => {
      assert.deepEqual(await train(t, workers), await undisturbed(t));
    });
  }

  test('the same bits when a worker is killed with -9, and the coordinator too, and the run is resumed', async (t) => {
    const directory = join(await temporaryDirectory(t), 'run');
    const first = await startRun(t, { directory, args: ['--workers', '2', ...common, '--checkpoint-every', '5'] });
    await startWorker(t, first, ['--recipe', recipe, '--name', 'survivor']);
    const victim = await startWorker(t, first, ['--recipe', recipe, '--name', 'victim']);
    await eventually(first, 'six steps', async () => (await first.losses()).length >= 6);
    victim.child.kill('SIGKILL');
    await eventually(first, 'ten steps', async () => (await first.losses()).length >= 10);
    first.child.kill('SIGKILL');
    await first.exited;
    assert.ok((await first.losses()).length < steps, 'killed before the end');
    const second = await startRun(t, { directory, args: ['--resume', '--workers', '3', '--spawn'] });
    assert.deepEqual(await madeBy(second), await undisturbed(t));
  });
});
