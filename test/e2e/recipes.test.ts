/**
 * What recipes can say beyond one network a phase, in real processes: the same bits for any number of workers, and through a death and a
 * resume. `vae` updates two networks at once, and its encoder returns two tensors; `conditional.mjs` has the rest. `layers.mjs` has layers
 * with noise and with state, and `dcgan` convolutions as well.
 */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { eventually, type Line, root, type Run, startRun, startWorker, temporaryDirectory } from './harness.ts';

const file = join(root, 'test/fixtures/conditional.mjs');
const layers = join(root, 'test/fixtures/layers.mjs');
const steps = 24;
const common = ['--steps', String(steps), '--grid-every', '12'];

interface Made {
  /** Everything in summary.json that is a hash. */
  readonly hashes: Line;
  readonly losses: Line[];
}

async function madeBy(run: Run): Promise<Made> {
  const hashes = Object.entries(await run.completed()).filter(([name]) => name.endsWith('Sha256'));
  return { hashes: Object.fromEntries(hashes), losses: await run.losses() };
}

for (const [name, args, workerArgs] of [
  ['vae', ['--recipe', 'vae', '--batch-size', '32'], ['--recipe', 'vae']],
  ['conditional', ['--recipe', file], ['--recipe', file]],
  ['conditional-gan', ['--recipe', 'conditional-gan', '--batch-size', '16'], ['--recipe', 'conditional-gan']],
  ['classifier', ['--recipe', 'classifier', '--batch-size', '6'], ['--recipe', 'classifier']],
  ['layers', ['--recipe', layers], ['--recipe', layers]],
  ['dcgan', ['--recipe', 'dcgan', '--batch-size', '8'], ['--recipe', 'dcgan']],
] as const) {
  describe(name, { concurrency: false }, () => {
    let reference: Promise<Made> | undefined;
    const train = async (t: TestContext, workers: number): Promise<Made> =>
      madeBy(await startRun(t, { args: ['--workers', String(workers), '--spawn', '--backend', 'wasm', ...args, ...common] }));
    const undisturbed = (t: TestContext): Promise<Made> => (reference ??= train(t, 1));

    for (const workers of [2, 3]) {
      test(`the same bits with ${workers} workers as with 1`, async (t) => {
        assert.deepEqual(await train(t, workers), await undisturbed(t));
      });
    }

    test('the same bits when a worker is killed with -9, and the coordinator too, and the run is resumed', async (t) => {
      const directory = join(await temporaryDirectory(t), 'run');
      const first = await startRun(t, { directory, args: ['--workers', '2', ...args, ...common, '--checkpoint-every', '3'] });
      await startWorker(t, first, [...workerArgs, '--name', 'survivor']);
      const victim = await startWorker(t, first, [...workerArgs, '--name', 'victim']);
      await eventually(first, 'three steps', async () => (await first.losses()).length >= 3);
      victim.child.kill('SIGKILL');
      await eventually(first, 'a checkpoint', async () => (await readdir(join(directory, 'checkpoints'))).length > 0);
      first.child.kill('SIGKILL');
      await first.exited;
      const second = await startRun(t, { directory, args: ['--resume', '--workers', '3', '--spawn'] });
      assert.deepEqual(await madeBy(second), await undisturbed(t));
    });
  });
}

test('losses are named by phase: two phases of one network, and metrics of the same name, keep apart', async (t) => {
  const run = await startRun(t, { args: ['--workers', '1', '--spawn', '--backend', 'wasm', '--recipe', file, '--steps', '2'] });
  await run.completed();
  const line = (await run.losses())[1]!;
  assert.deepEqual(Object.keys(line['loss'] as object), ['first', 'second', 'generator']);
  assert.deepEqual(Object.keys(line['gradientNorm'] as object), ['first', 'second', 'generator']);
  assert.deepEqual(Object.keys(line['metrics'] as object), ['score', 'penalty', 'second/score', 'second/penalty']);
});
