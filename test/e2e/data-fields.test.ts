/** Fields of the data beside pictures: labels reach a loss, and give equal bits for any number of workers and through a kill and a resume. */
import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { eventually, root, type Run, startRun, temporaryDirectory, within } from './harness.ts';

const classifier = join(root, 'test/fixtures/tiny-classifier.mjs');
const conditionalGan = join(root, 'test/fixtures/tiny-conditional-gan.mjs');
const spawn = (workers: number, ...args: string[]): string[] => ['--workers', String(workers), '--spawn', '--backend', 'wasm', ...args];

async function train(t: TestContext, recipe: string, workers: number, ...args: string[]): Promise<Run> {
  const run = await startRun(t, { args: ['--recipe', recipe, ...spawn(workers, '--checkpoint-every', '0', '--grid-every', '0', ...args)] });
  await run.completed();
  return run;
}
const bits = async (run: Run): Promise<object> => (await run.summary()).weightsSha256;

describe('fields of the data', { concurrency: false }, () => {
  for (const recipe of [classifier, conditionalGan]) {
    test(`${recipe.slice(root.length)}: equal bits for one, two and three workers`, async (t) => {
      const one = await train(t, recipe, 1, '--steps', '12', '--shards', '3');
      for (const workers of [2, 3]) {
        const run = await train(t, recipe, workers, '--steps', '12', '--shards', '3');
        assert.deepEqual(await bits(run), await bits(one));
        assert.deepEqual(await run.losses(), await one.losses());
      }
    });
  }

  test('a classifier learns from the labels, draws no grid, and is the same after a kill -9 and a resume', async (t) => {
    const whole = await train(t, classifier, 1, '--steps', '150');
    const losses = (await whole.losses()) as { loss: { classifier: number }; metrics: { accuracy: number } }[];
    const last = losses.slice(-10);
    const accuracy = last.reduce((sum, line) => sum + line.metrics.accuracy, 0) / last.length;
    assert.ok(accuracy > 0.75, `accuracy ${accuracy} after 150 steps`);
    await assert.rejects(access(join(whole.directory, 'grids', 'step-000150.png')));

    const directory = join(await temporaryDirectory(t), 'run');
    const length = ['--checkpoint-every', '10', '--steps', '150'];
    const first = await startRun(t, { directory, args: ['--recipe', classifier, ...spawn(2, ...length)] });
    await eventually(first, 'thirty steps', async () => (await first.losses()).length >= 30);
    first.child.kill('SIGKILL');
    await within(first, 'its death', first.exited);
    const second = await startRun(t, { directory, args: ['--resume', ...spawn(3)] });
    await second.completed();
    assert.deepEqual(await bits(second), await bits(whole));
    assert.deepEqual(await second.losses(), losses);
  });
});
