import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Exit, eventually, root, start, startRun } from './harness.ts';

const ended: Exit = { code: 0, signal: null };
const training = '--spawn --backend wasm --workers 1 --steps 4 --batch-size 16 --keep 9 --checkpoint-every 2 --grid-every 0'.split(' ');

/** Where the values begin, by the format's own account. */
async function valuesOf(path: string): Promise<Buffer> {
  const bytes = await readFile(path);
  assert.equal(bytes.subarray(0, 8).toString('latin1'), '\x93NUMPY\x01\x00');
  return bytes.subarray(10 + bytes.readUInt16LE(8));
}

describe('what a trained model draws', { concurrency: 1 }, () => {
  test('the same seed gives the same pictures, set 0 those of the grid, and more pictures begin with the same ones', async (t) => {
    const run = await startRun(t, { args: training });
    await run.completed();
    const drawn = async (name: string, ...args: string[]): Promise<string> => {
      const to = join(run.directory, name);
      const program = start(t, 'coordinator', ['sample', '--run-dir', run.directory, '--to', to, ...args]);
      assert.deepEqual(await program.exited, ended, program.output());
      return to;
    };
    const first = await drawn('first');
    const again = await drawn('again', '--count', '128');
    const other = await drawn('other', '--seed', '1');
    const earlier = await drawn('earlier', '--step', '2');
    const values = await valuesOf(join(first, 'samples.npy'));
    assert.equal(values.length, 64 * 784 * 4);
    assert.deepEqual((await valuesOf(join(again, 'samples.npy'))).subarray(0, values.length), values);
    assert.notDeepEqual(await valuesOf(join(other, 'samples.npy')), values);
    assert.notDeepEqual(await valuesOf(join(earlier, 'samples.npy')), values);
    assert.deepEqual(await readFile(join(first, 'all.png')), await readFile(join(run.directory, 'grids/step-000004.png')));
    assert.equal((await readdir(first)).length, 64 + 2);
    // Nothing of the run itself has changed.
    assert.deepEqual((await run.summary()).steps, 4);

    const missing = start(t, 'coordinator', ['sample', '--run-dir', run.directory, '--step', '3']);
    assert.deepEqual(await missing.exited, { code: 9, signal: null });
    assert.match(missing.output(), /There is no checkpoint of step 3: \S+ has these checkpoints: step-000002, step-000004\. --keep/);

    const scored = start(t, 'coordinator', ['evaluate', '--run-dir', run.directory, '--count', '64', '--test', '50']);
    assert.deepEqual(await scored.exited, ended, scored.output());
    const directory = join(run.directory, 'evaluation/step-000004-seed-0');
    const evaluation = JSON.parse(await readFile(join(directory, 'evaluation.json'), 'utf8')) as { scores: { value: number }[] };
    assert.equal(evaluation.scores.length, 3);
    assert.ok(evaluation.scores.every(({ value }) => Number.isFinite(value)));
    const report = await readFile(join(directory, 'report.html'), 'utf8');
    assert.match(report, /Goodfellow et al\. 2014/);
    assert.doesNotMatch(report, /<script|https?:/);
  });

  test('a recipe that draws nothing is refused, and a person who stops it does not wait', async (t) => {
    const args = [...training, '--recipe', join(root, 'test/fixtures/tiny-classifier.mjs')];
    const run = await startRun(t, { args });
    await run.completed();
    const refused = start(t, 'coordinator', ['sample', '--run-dir', run.directory]);
    assert.deepEqual(await refused.exited, { code: 2, signal: null });
    assert.match(refused.output(), /The recipe 'tiny-classifier' draws no pictures: it has no generate\./);

    const drawing = await startRun(t, { args: training });
    await drawing.completed();
    const slow = start(t, 'coordinator', ['evaluate', '--run-dir', drawing.directory]);
    await eventually(slow, 'scores', () => slow.output().includes('Parzen window'));
    slow.child.kill('SIGINT');
    assert.deepEqual(await slow.exited, ended);
    assert.deepEqual(await readdir(join(drawing.directory)).then((names) => names.includes('evaluation')), false);
  });
});
