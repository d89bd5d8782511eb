/**
 * `--resume` wherever a run may have been interrupted: before it began, between two writes, after the last step; moved, or with lost files.
 */
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, relative } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import {
  eventually,
  type Program,
  root,
  type Run,
  start,
  startRun,
  startWorker,
  temporaryDirectory,
  tinyRecipe,
  within,
} from './harness.ts';
import { eventsNamed, quick, spawnTwo, steps, stepsDone, undisturbed } from './scenarios.ts';

const length = ['--steps', String(steps)];
const alone = ['--bind', 'tcp://127.0.0.1:0', '--metrics-port', '0'];
const spawnOne = ['--spawn', '--backend', 'wasm'];

describe('a run whose steps are all done', { concurrency: 2 }, () => {
  test('but whose export failed is exported by --resume, without workers and ports; the next --resume writes nothing', async (t) => {
    const run = await startRun(t, { args: [...quick, ...length] });
    await run.endpoint();
    const model = join(run.directory, 'model');
    await rm(model, { recursive: true });
    await writeFile(model, 'a file where the export should go');
    await startWorker(t, run);
    assert.equal(await exitOf(run), 10, run.output());
    await rm(model);

    const port = await takenPort(t);
    const taken = ['--bind', `tcp://127.0.0.1:${port}`, '--metrics-port', String(port)];
    const resume = (): Program => start(t, 'coordinator', ['--resume', '--run-dir', run.directory, ...taken]);
    const second = resume();
    assert.equal(await exitOf(second), 0, second.output());
    const expected = await undisturbed(t);
    const summary = await run.summary();
    assert.deepEqual(summary.weightsSha256, expected.weightsSha256);
    assert.deepEqual([summary.steps, summary.images], [steps, steps * 16]);
    assert.deepEqual([summary.seconds, summary.imagesPerSecond, summary.workers], [null, null, null], 'what is no longer known');
    for (const name of ['generator', 'discriminator'])
      assert.deepEqual(await readdir(join(model, name)), ['model.json', 'weights.bin'], name);
    assert.deepEqual(
      (await eventsNamed(run, 'coordinator-started')).map((line) => line['term']),
      [1, 2],
    );

    const before = await contents(run.directory);
    const third = resume();
    assert.equal(await exitOf(third), 0, third.output());
    assert.match(third.output(), new RegExp(`All ${steps} steps are done, and nothing is missing\\.`));
    assert.deepEqual(await contents(run.directory), before);
  });

  test('that has lost one export keeps what its summary says', async (t) => {
    const run = await startRun(t, { args: [...quick, ...length, ...spawnOne] });
    const summary = await run.completed();
    const weights = join(run.directory, 'model/generator/weights.bin');
    const before = await readFile(weights);
    await rm(weights);
    const resumed = start(t, 'coordinator', ['--resume', '--run-dir', run.directory]);
    assert.equal(await exitOf(resumed), 0, resumed.output());
    assert.deepEqual(await readFile(weights), before);
    assert.deepEqual(await run.summary(), summary);
    assert.ok(summary.seconds !== null);
  });
});

describe('--resume --step', () => {
  test('goes back to the checkpoint of a step, removes those after it, and ends with the same weights', async (t) => {
    const shape = [...quick, ...spawnTwo, '--checkpoint-every', '20', '--keep', '9'];
    const run = await startRun(t, { args: [...shape, ...length] });
    await run.completed();
    const checkpoints = (): Promise<string[]> => readdir(join(run.directory, 'checkpoints'));
    assert.deepEqual(await checkpoints(), ['step-000020', 'step-000040', 'step-000060']);
    const missing = start(t, 'coordinator', ['--resume', '--step', '30', '--run-dir', run.directory, ...alone]);
    assert.equal(await exitOf(missing), 9, missing.output());
    assert.match(missing.output(), /no checkpoint of step 30: .* step-000020, step-000040, step-000060/);

    const back = start(t, 'coordinator', ['--resume', '--step', '20', '--checkpoint-every', '25', '--run-dir', run.directory, ...alone]);
    assert.equal(await exitOf(back), 0, back.output());
    assert.match(back.output(), /Went back to step 20: checkpoint step-000060 is removed/);
    assert.deepEqual(await checkpoints(), ['step-000020', 'step-000025', 'step-000050', 'step-000060']);
    const expected = await undisturbed(t);
    assert.deepEqual((await run.summary()).weightsSha256, expected.weightsSha256);
    assert.deepEqual(await run.losses(), expected.losses);
  });
});

describe('--resume where no run has begun', { concurrency: 2 }, () => {
  test('starts the run, with any options, in the directory that it names', async (t) => {
    const directory = join(await temporaryDirectory(t), 'mine');
    const run = await startRun(t, { directory, args: ['--resume', ...quick, ...length, ...spawnOne, '--recipe', tinyRecipe] });
    assert.deepEqual((await run.completed()).weightsSha256, (await undisturbed(t)).weightsSha256);
    assert.match(run.output(), /INFO .*mine holds no run yet: starting a new one\./);
  });

  test('starts one in runs/ if there is no runs/, and continues it the next time', async (t) => {
    const place = await temporaryDirectory(t);
    const args = ['--resume', ...quick, ...length, ...spawnOne, ...alone, '--recipe', tinyRecipe];
    const first = start(t, 'coordinator', args, {}, place);
    assert.equal(await exitOf(first), 0, first.output());
    assert.match(first.output(), /INFO .*runs\/ holds no run yet: starting a new one\./);
    const second = start(t, 'coordinator', args, {}, place);
    assert.equal(await exitOf(second), 0, second.output());
    assert.match(second.output(), /nothing is missing/);
    assert.equal((await readdir(join(place, 'runs'))).length, 1);
  });

  for (const [name, kept] of [
    ['the directory was made', []],
    ['its folders were made', ['grids', 'checkpoints', 'model']],
    ['half of config.json was written', ['grids', 'checkpoints', 'model', '.tmp-config.json']],
    ['config.json was written', ['grids', 'checkpoints', 'model', 'config.json']],
    ['losses.jsonl was made', ['grids', 'checkpoints', 'model', 'config.json', 'losses.jsonl']],
  ] as const) {
    test(`starts the run when it was killed after ${name}`, async (t) => {
      const begun = await startRun(t, { args: [...quick, ...length] });
      await begun.endpoint();
      begun.child.kill('SIGKILL');
      await exitOf(begun);
      const directory = join(await temporaryDirectory(t), 'run');
      await mkdir(directory);
      for (const each of kept) {
        const from = each === '.tmp-config.json' ? 'config.json' : each;
        await cp(join(begun.directory, from), join(directory, each), { recursive: true });
      }
      const run = await startRun(t, { directory, args: ['--resume', ...quick, ...length, ...spawnOne, '--recipe', tinyRecipe] });
      assert.deepEqual((await run.completed()).weightsSha256, (await undisturbed(t)).weightsSha256);
      assert.deepEqual(await run.losses(), (await undisturbed(t)).losses);
    });
  }
});

describe('a run that was stopped', { concurrency: 2 }, () => {
  test('takes the same recipe and data from another place, by a relative path, and keeps that place', async (t) => {
    const run = await stopped(t);
    const place = await temporaryDirectory(t);
    await cp(tinyRecipe, join(place, 'moved.mjs'));
    const args = ['--resume', ...spawnTwo, '--recipe', relative(root, join(place, 'moved.mjs'))];
    const resumed = await startRun(t, { directory: run.directory, args });
    assert.deepEqual((await resumed.completed()).weightsSha256, (await undisturbed(t)).weightsSha256);
    const config = JSON.parse(await readFile(join(run.directory, 'config.json'), 'utf8')) as { recipe: string };
    assert.equal(config.recipe, join(place, 'moved.mjs'));
  });

  test('begins a new losses.jsonl if lines were lost, keeps the old one, says so once, and continues the new one', async (t) => {
    const run = await stopped(t);
    const path = join(run.directory, 'losses.jsonl');
    const lines = (await readFile(path, 'utf8')).split('\n');
    const at = lines.length - 1;
    const damaged = [lines[0], '{"step":2,"ima', ...lines.slice(2)].join('\n');
    await writeFile(path, damaged);
    const again = await startRun(t, { directory: run.directory, args: ['--resume', ...spawnTwo] });
    await eventually(again, 'a line of the next step', async () =>
      (await readFile(path, 'utf8').catch(() => '')).startsWith(`{"step":${at + 1},`),
    );
    await stop(again);
    const aside = join(run.directory, `losses.before-step-${String(at + 1).padStart(6, '0')}.jsonl`);
    assert.equal(
      again.output().match(/WARN .*losses\.jsonl is damaged in line 2, but the checkpoint is of step \d+\. It begins again/g)?.length,
      1,
    );
    assert.ok(again.output().includes(aside), again.output());
    assert.equal(await readFile(aside, 'utf8'), damaged);

    const last = await startRun(t, { directory: run.directory, args: ['--resume', ...spawnTwo] });
    const expected = await undisturbed(t);
    assert.deepEqual((await last.completed()).weightsSha256, expected.weightsSha256);
    assert.deepEqual(await last.losses(), expected.losses.slice(at));
    assert.doesNotMatch(last.output(), /losses\.jsonl/);
  });
});

/** A run that was stopped before its end, at a checkpoint. */
async function stopped(t: TestContext): Promise<Run> {
  const run = await startRun(t, { args: [...quick, ...length, ...spawnTwo] });
  await stepsDone(run, 3);
  await stop(run);
  return run;
}

async function stop(run: Run): Promise<void> {
  run.child.kill('SIGINT');
  assert.equal(await exitOf(run), 0, run.output());
  assert.match(run.output(), /Stopped after step/, 'before its end');
}

async function exitOf(program: Program): Promise<number | null> {
  return (await within(program, 'its end', program.exited)).code;
}

/** Of every file except the log, which every process appends to. */
async function contents(directory: string): Promise<Record<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.log'))
    .map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(await Promise.all(files.map(async (path) => [path, await readFile(path, 'hex')])));
}

async function takenPort(t: TestContext): Promise<number> {
  const server = createServer();
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}
