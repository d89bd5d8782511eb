/** Audits, with real processes: a worker whose gradient has a wrong bit, once or always. */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { errorTable } from '@lockstep/shared';
import { type Program, type Run, start, startRun, within } from './harness.ts';
import { eventsNamed, quick, recipeFile, steps, undisturbed } from './scenarios.ts';

const length = ['--steps', String(steps)];

/** The tiny recipe; a worker that has the variable flips a bit of a gradient on its way through the logits, once it has computed for a while. */
const wrongBit = (tiny: string): string =>
  tiny.replace(
    'tf.mean(tf.softplus(logits))',
    `tf.mean(tf.softplus(spoil(tf, logits)));
let calls = 0;
const spoil = (tf, logits) => {
  calls += 1;
  const wrong = process.env.TEST_WRONG_BIT;
  if (wrong === undefined || calls < 40 || (wrong === 'once' && calls > 40)) return logits;
  const gradFunc = (dy) => {
    const words = new Uint32Array(dy.dataSync().slice().buffer);
    words[0] ^= 1 << 18;
    return tf.tensor(new Float32Array(words.buffer), dy.shape);
  };
  return tf.customGrad((value) => ({ value: value.clone(), gradFunc }))(logits);
}`,
  );

/** Workers a, b and so on; `environments` are theirs. */
async function audited(
  t: TestContext,
  rate: number,
  environments: readonly NodeJS.ProcessEnv[],
): Promise<{ run: Run; workers: readonly Program[] }> {
  const recipe = await recipeFile(t, wrongBit);
  const count = ['--workers', String(environments.length), '--join-timeout', '30'];
  const run = await startRun(t, { args: [...quick, ...length, ...count, '--audit', String(rate), '--recipe', recipe] });
  const endpoint = await run.endpoint();
  const workers = environments.map((environment, index) =>
    start(t, 'worker', ['--connect', endpoint, '--name', 'abc'[index]!, '--backend', 'wasm', '--recipe', recipe], environment),
  );
  return { run, workers };
}

const honest = {};

describe('audits', { concurrency: 2 }, () => {
  test('one wrong bit in one gradient is found, its worker is named and refused, and the weights are the right ones', async (t) => {
    const { run, workers } = await audited(t, 1, [{ TEST_WRONG_BIT: 'once' }, honest, honest]);
    const { weightsSha256 } = await run.completed();
    const { losses, ...expected } = await undisturbed(t);
    assert.deepEqual(weightsSha256, expected.weightsSha256);
    assert.deepEqual(await run.losses(), losses);
    const [differs, ...more] = await eventsNamed(run, 'audit-differs');
    assert.deepEqual(more, []);
    assert.ok((differs!['workers'] as string[]).includes('a'));
    const wrong = await eventsNamed(run, 'worker-wrong');
    assert.deepEqual(
      wrong.map(({ worker, quarantined }) => [worker, quarantined]),
      [['a', true]],
    );
    assert.match(run.output(), /Worker a was wrong: .*Nothing wrong was committed/);
    assert.equal((await within(workers[0]!, 'its end', workers[0]!.exited)).code, errorTable['numerics-mismatch'].exitCode);
  });

  test('of two workers the one that corrects itself stays, and the weights are the right ones', async (t) => {
    const { run } = await audited(t, 1, [{ TEST_WRONG_BIT: 'once' }, honest]);
    assert.deepEqual((await run.completed()).weightsSha256, (await undisturbed(t)).weightsSha256);
    assert.deepEqual(
      (await eventsNamed(run, 'worker-wrong')).map(({ worker, quarantined }) => [worker, quarantined]),
      [['a', false]],
    );
  });

  test('two workers that never agree end the run with a code of its own', async (t) => {
    const { run } = await audited(t, 1, [{ TEST_WRONG_BIT: 'always' }, honest]);
    const { code } = await within(run, 'its end', run.exited);
    assert.equal(code, errorTable['audit-failed'].exitCode, run.output());
    assert.match(run.output(), /Workers (a and b|b and a) give different answers to shards .* no other worker to decide\./);
  });

  test('audits that find nothing change nothing', async (t) => {
    const { run } = await audited(t, 0.5, [honest, honest]);
    assert.deepEqual((await run.completed()).weightsSha256, (await undisturbed(t)).weightsSha256);
    assert.deepEqual(await eventsNamed(run, 'audit-differs'), []);
  });
});
