/**
 * `--config` repeats a run bit for bit, whatever `auto` would choose now, or says why it cannot. Runs that begin at once do not collide.
 */
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { type Run, start, startRun, startWorker, temporaryDirectory, tinyRecipe, within } from './harness.ts';
import { quick } from './scenarios.ts';

interface Config {
  readonly backend: string;
  readonly about: Readonly<Record<string, string>>;
}

const short = [...quick, '--steps', '3'];

describe('--config', { concurrency: 2 }, () => {
  test('uses the backend that auto chose for the first run', async (t) => {
    // Without a native addon, auto is wasm; with one it is tensorflow.
    const original = await startRun(t, { args: [...short, '--spawn'], environment: { LOCKSTEP_NATIVE_DIR: await temporaryDirectory(t) } });
    const { weightsSha256 } = await original.completed();
    const { backend, about } = await configOf(original);
    assert.equal(backend, 'auto');
    const { backend: used } = (await original.events()).find((line) => line['event'] === 'worker-joined')!;
    assert.equal(about['backend'], used);
    assert.match(about['fingerprint']!, /^[0-9a-f]{64}$/);
    const repeated = await startRun(t, { args: ['--config', join(original.directory, 'config.json')] });
    assert.deepEqual((await repeated.completed()).weightsSha256, weightsSha256);
    assert.doesNotMatch(repeated.output(), /WARN/);
    assert.deepEqual(await configOf(repeated), {
      ...(await configOf(original)),
      about: { ...about, runId: (await configOf(repeated)).about['runId'] },
    });
  });

  for (const [name, about, extra, warnings] of [
    [
      'different last bits',
      { backend: 'tensorflow', fingerprint: '0'.repeat(64) },
      [],
      [
        /WARN The weights will differ in their last bits from those of the run that wrote \S+: it used --backend tensorflow, and this one uses wasm\.$/,
      ],
    ],
    [
      'another device',
      { backend: 'wasm', fingerprint: '0'.repeat(64) },
      [],
      [/both use --backend wasm, on another device, library or version of Lockstep\.$/],
    ],
    ['nothing if another seed was asked for', { backend: 'tensorflow', fingerprint: '0'.repeat(64) }, ['--seed', '8'], []],
    [
      'another recipe and other data',
      { recipeHash: '0', datasetSha256: '0', fingerprint: '0'.repeat(64) },
      [],
      [/WARN The recipe is not the one of the run that wrote \S+, so the weights will differ\.$/, /WARN The data set is not the one/],
    ],
  ] as const) {
    test(`warns of ${name}`, async (t) => {
      const path = join(await temporaryDirectory(t), 'config.json');
      await writeFile(path, JSON.stringify({ recipe: tinyRecipe, batchSize: 16, shards: 2, gridEvery: 0, steps: 3, about }));
      const run = await startRun(t, { args: ['--config', path, ...extra] });
      await startWorker(t, run);
      await run.completed();
      const lines = run
        .output()
        .split('\n')
        .filter((line) => line.includes('WARN'));
      assert.equal(lines.length, warnings.length, lines.join('\n'));
      warnings.forEach((warning, index) => assert.match(lines[index]!, warning));
    });
  }
});

test('five coordinators that start at once have five run directories', async (t: TestContext) => {
  const place = await temporaryDirectory(t);
  const args = ['--recipe', tinyRecipe, ...short, '--bind', 'tcp://127.0.0.1:0', '--metrics-port', '0'];
  const programs = Array.from({ length: 5 }, () => start(t, 'coordinator', [...args, '--join-timeout', '0.1'], {}, place));
  for (const program of programs) assert.equal((await within(program, 'its end', program.exited)).code, 13, program.output());
  const runs = await readdir(join(place, 'runs'));
  assert.equal(runs.length, 5, runs.join());
  const ids = await Promise.all(
    runs.map(async (name) => JSON.parse(await readFile(join(place, 'runs', name, 'config.json'), 'utf8')) as Config),
  );
  assert.equal(new Set(ids.map(({ about }) => about['runId'])).size, 5);
});

async function configOf(run: Run): Promise<Config> {
  return JSON.parse(await readFile(join(run.directory, 'config.json'), 'utf8')) as Config;
}
