/** Layers with noise and with state, in real processes: the same bits for any number of workers, and through a death and a resume. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { eventually, type Line, root, type Run, startRun, startWorker, type Summary, temporaryDirectory } from './harness.ts';

const layers = join(root, 'test/fixtures/layers.mjs');

interface Case {
  readonly recipe: string;
  readonly steps: number;
  readonly options: readonly string[];
}

const cases: Readonly<Record<string, Case>> = {
  'dense layers': { recipe: layers, steps: 80, options: [] },
  dcgan: { recipe: 'dcgan', steps: 16, options: ['--batch-size', '8'] },
};

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

for (const [name, { recipe, steps, options }] of Object.entries(cases)) {
  const common = ['--recipe', recipe, '--grid-every', '0', '--steps', String(steps), ...options];
  const train = async (t: TestContext, workers: number): Promise<Made> =>
    madeBy(await startRun(t, { args: ['--workers', String(workers), '--spawn', '--backend', 'wasm', ...common] }));

  describe(name, { concurrency: false }, () => {
    let reference: Promise<Made> | undefined;
    const undisturbed = (t: TestContext): Promise<Made> => (reference ??= train(t, 1));

    for (const workers of [2, 3]) {
      test(`the same bits with ${workers} workers as with 1`, async (t) => {
        assert.deepEqual(await train(t, workers), await undisturbed(t));
      });
    }

    test('the same bits when a worker is killed with -9, and the coordinator too, and the run is resumed', async (t) => {
      const directory = join(await temporaryDirectory(t), 'run');
      const first = await startRun(t, { directory, args: ['--workers', '2', ...common, '--checkpoint-every', '2'] });
      await startWorker(t, first, ['--recipe', recipe, '--name', 'survivor']);
      const victim = await startWorker(t, first, ['--recipe', recipe, '--name', 'victim']);
      await eventually(first, 'three steps', async () => (await first.losses()).length >= 3);
      victim.child.kill('SIGKILL');
      await eventually(first, 'five steps', async () => (await first.losses()).length >= 5);
      first.child.kill('SIGKILL');
      await first.exited;
      assert.ok((await first.losses()).length < steps, 'killed before the end');
      const second = await startRun(t, { directory, args: ['--resume', '--workers', '3', '--spawn'] });
      assert.deepEqual(await madeBy(second), await undisturbed(t));
    });
  });
}

test('state and the average of the weights are exported, and again if they are missing', async (t) => {
  const run = await startRun(t, { args: ['--workers', '1', '--spawn', '--backend', 'wasm', '--recipe', layers, '--steps', '4'] });
  const { averageSha256, stateSha256, weightsSha256 } = (await run.completed()) as Summary & Line;
  const hashOf = async (name: string, file = 'weights.bin'): Promise<string> =>
    createHash('sha256')
      .update(await readFile(join(run.directory, 'model', name, file)))
      .digest('hex');
  assert.deepEqual(averageSha256, { generator: await hashOf('generator-average') });
  assert.equal(weightsSha256['generator'], await hashOf('generator'));
  assert.notEqual(await hashOf('generator-average'), await hashOf('generator'));
  const { generator, discriminator } = stateSha256 as Record<string, string>;
  assert.equal(generator, await hashOf('generator', 'state.bin'));
  // Exports hold kernels as the network uses them: divided by their largest singular value, without the vectors.
  assert.notEqual(discriminator, await hashOf('discriminator', 'state.bin'));
  assert.notEqual(weightsSha256['discriminator'], await hashOf('discriminator'));
  assert.deepEqual((await readdir(join(run.directory, 'model'))).toSorted(), ['discriminator', 'generator', 'generator-average']);
  await rm(join(run.directory, 'model', 'generator-average'), { recursive: true });
  await (await startRun(t, { directory: run.directory, args: ['--resume', '--workers', '1', '--spawn'] })).completed();
  assert.deepEqual(averageSha256, { generator: await hashOf('generator-average') });
});
