/** `--on-nonfinite`, with real processes and a recipe whose loss is infinite for some noise: which rounds those are is the seed's. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { errorTable } from '@lockstep/shared';
import { type Run, startRun, within } from './harness.ts';
import { eventsNamed, quick, recipeFile, spawnTwo } from './scenarios.ts';

const skip = ['--on-nonfinite', 'skip'];
const spawnOne = ['--workers', '1', '--spawn', '--backend', 'wasm'];

const sometimesInfinite = (tiny: string): string =>
  tiny.replace(
    'loss: clip(tf, tf.neg(networks.discriminator(networks.generator(z))))',
    "loss: tf.div(clip(tf, tf.neg(networks.discriminator(networks.generator(z)))), tf.cast(tf.less(tf.max(z), 3.3), 'float32'))",
  );

async function outcomeOf(run: Run): Promise<object> {
  const { weightsSha256 } = await run.completed();
  const skipped = (await eventsNamed(run, 'round-skipped')).map(({ round, reason }) => [round, reason]);
  return { weightsSha256, losses: await run.losses(), skipped };
}

const startWith = (t: TestContext, recipe: string, ...args: readonly string[]): Promise<Run> =>
  startRun(t, { args: [...quick, '--recipe', recipe, ...args] });

describe('a recipe whose loss is infinite in some rounds', { concurrency: 2 }, () => {
  test('ends its run with `diverged`, after computing the round once more', async (t) => {
    const run = await startWith(t, await recipeFile(t, sometimesInfinite), ...spawnTwo, '--steps', '40');
    const { code } = await within(run, 'its end', run.exited);
    assert.equal(code, errorTable.diverged.exitCode, run.output());
    assert.equal((await eventsNamed(run, 'round-repeated')).length, 1);
    assert.match(run.output(), /The loss of step \d+, phase generator is Infinity\./);
  });

  test('skips them with `skip`: with any number of workers and through a resume the same rounds, weights and losses', async (t) => {
    const recipe = await recipeFile(t, sometimesInfinite);
    const one = await outcomeOf(await startWith(t, recipe, ...skip, ...spawnOne, '--steps', '40'));
    const { skipped, losses } = one as { skipped: readonly unknown[]; losses: readonly { loss: Record<string, number | null> }[] };
    assert.ok(skipped.length > 1 && skipped.length < 20, `${skipped.length} rounds are left out`);
    assert.equal(losses.filter(({ loss }) => loss['generator'] === null).length, skipped.length);
    assert.deepEqual(await outcomeOf(await startWith(t, recipe, ...skip, ...spawnTwo, '--steps', '40')), one);

    const first = await startWith(t, recipe, ...skip, ...spawnTwo, '--steps', '25');
    await first.completed();
    const args = ['--resume', '--steps', '40'];
    const resumed = await startRun(t, { args, directory: first.directory });
    assert.deepEqual(await outcomeOf(resumed), one);
    const header = await readFile(join(first.directory, 'checkpoints', 'step-000040', 'checkpoint.json'), 'utf8');
    assert.equal((JSON.parse(header) as { skippedRounds: number }).skippedRounds, skipped.length);

    const changed = await startRun(t, { args: [...args, '--on-nonfinite', 'stop'], directory: first.directory });
    assert.equal((await within(changed, 'its end', changed.exited)).code, errorTable['resume-invalid'].exitCode);
  });
});
