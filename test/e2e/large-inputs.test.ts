/** Inputs that options and recipes allow, at their upper ends: they train, or are refused with a sentence. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startRun, within } from './harness.ts';
import { quick, recipeFile } from './scenarios.ts';

const spawn = ['--workers', '1', '--spawn', '--backend', 'wasm', '--steps', '1', '--grid-every', '0'];
const output = "tf.layers.dense({ name: 'generator_pixels'";

describe('large inputs', { concurrency: 2 }, () => {
  test('a network of 150 layers trains', async (t) => {
    const recipe = await recipeFile(t, (tiny) => {
      assert.ok(tiny.includes(output));
      const deep = "...Array.from({ length: 150 }, (_, index) => tf.layers.dense({ name: 'deep_' + index, units: 4 }))";
      return tiny.replace(output, `${deep}, ${output}`);
    });
    const run = await startRun(t, { args: [...quick, ...spawn, '--recipe', recipe] });
    await run.completed();
  });

  test('a network of more parameters than there may be is refused by its worker, with a sentence', async (t) => {
    const recipe = await recipeFile(t, (tiny) => {
      const wide = "...Array.from({ length: 2050 }, (_, index) => tf.layers.dense({ name: 'deep_' + index, units: 1 }))";
      return tiny.replace(output, `${wide}, ${output}`);
    });
    const run = await startRun(t, { args: [...quick, ...spawn, '--recipe', recipe] });
    assert.equal((await within(run, 'its end', run.exited)).code, 5);
    assert.match(
      run.output(),
      /^coordinator: Recipe 'tiny-gan', network 'generator' has 41\d\d parameters .*: at most 4096 are possible\.$/m,
    );
  });
});
