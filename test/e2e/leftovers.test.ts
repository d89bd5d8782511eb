/** Invariant I8, with real processes: whatever ends a run, no process, port, socket or temporary file of it is left. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { eventually, type Run, startRun, temporaryDirectory, within } from './harness.ts';
import {
  assertNothingLeft,
  exists,
  freeze,
  needsProc,
  privateTemporary,
  thaw,
  type Traces,
  tracesOf,
  unfinishedIn,
  workerPid,
} from './processes.ts';
import { quick, spawnTwo, steps, stepsDone, undisturbed } from './scenarios.ts';

const spawned = [...spawnTwo, ...quick];

/** A run with two spawned workers, whose processes have a temporary directory of their own. */
async function watchedRun(
  t: TestContext,
  args: readonly string[],
  bind?: string,
  directory?: string,
): Promise<{ run: Run; traces: () => Promise<Traces> }> {
  const place = directory ?? join(await temporaryDirectory(t), 'run');
  const temporary = join(place, '..', 'private-tmp');
  if (directory === undefined) await privateTemporary(place);
  const run = await startRun(t, { args, directory: place, environment: { TMPDIR: temporary }, ...(bind === undefined ? {} : { bind }) });
  return { run, traces: () => tracesOf(run, temporary) };
}

describe('nothing is left behind', { concurrency: 2, skip: needsProc }, () => {
  test('after a completed run, over ipc', async (t) => {
    const socket = join(await temporaryDirectory(t), 'lockstep.sock');
    const { run, traces } = await watchedRun(t, [...spawned, '--steps', '3'], `ipc://${socket}`);
    const found = await traces();
    await run.completed();
    await assertNothingLeft(found);
    assert.deepEqual(await unfinishedIn(run.directory), []);
  });

  test('after Ctrl-C', async (t) => {
    const { run, traces } = await watchedRun(t, [...spawned, '--steps', '100000']);
    const found = await traces();
    await stepsDone(run, 3);
    run.child.kill('SIGINT');
    assert.deepEqual(await within(run, 'its end', run.exited), { code: 0, signal: null });
    await assertNothingLeft(found);
    assert.deepEqual(await unfinishedIn(run.directory), []);
  });

  test('after kill -9 of the coordinator: its workers end too, and the next start sweeps what was unfinished', async (t) => {
    const { run, traces } = await watchedRun(t, [...spawned, '--steps', String(steps), '--checkpoint-every', '5']);
    const found = await traces();
    await eventually(run, 'a checkpoint', async () => (await run.events()).some((line) => line['event'] === 'checkpoint'));
    run.child.kill('SIGKILL');
    await within(run, 'its end', run.exited);
    assert.ok((await run.losses()).length < steps, 'killed before the end');
    await assertNothingLeft(found);

    // What a kill in the middle of writing leaves, in every place where files are written.
    for (const place of ['.', 'checkpoints', 'grids', 'model']) {
      await mkdir(join(run.directory, place, '.tmp-unfinished'));
      await writeFile(join(run.directory, place, '.tmp-unfinished', 'weights.bin'), 'part');
      await writeFile(join(run.directory, place, '.tmp-file'), 'part');
    }
    const resumed = await watchedRun(t, ['--resume'], undefined, run.directory);
    const foundAgain = await resumed.traces();
    assert.deepEqual(await unfinishedIn(run.directory), []);
    assert.deepEqual((await resumed.run.completed()).weightsSha256, (await undisturbed(t)).weightsSha256);
    await assertNothingLeft(foundAgain);
    assert.deepEqual(await unfinishedIn(run.directory), []);
  });

  test('after kill -9 of the coordinator while a worker of it is stopped', async (t) => {
    const { run, traces } = await watchedRun(t, [...spawned, '--steps', '100000']);
    const found = await traces();
    const pid = await eventually(run, 'a worker', () => workerPid(run, 'local-1'));
    t.after(() => thaw(pid));
    await freeze(pid);
    run.child.kill('SIGKILL');
    await within(run, 'its end', run.exited);
    await assertNothingLeft(found);
  });

  test('after kill -9 of the coordinator while its workers are still starting', async (t) => {
    const { run, traces } = await watchedRun(t, [...spawned, '--steps', '100000']);
    await eventually(run, 'the start of a worker', () => exists(join(run.directory, 'workers', 'local-1.log')));
    run.child.kill('SIGKILL');
    const found = await traces();
    await within(run, 'its end', run.exited);
    await assertNothingLeft(found);
  });

  test('after kill -9 of a spawned worker: it is started again, each time a little later, and takes part again', async (t) => {
    const { run, traces } = await watchedRun(t, [...spawned, '--steps', '100000']);
    const found = await traces();
    let pid = 0;
    for (const pause of ['0.25', '0.5']) {
      const before = pid;
      pid = await eventually(run, 'a new process of local-1', async () => {
        const current = await workerPid(run, 'local-1');
        return current !== before && current;
      });
      process.kill(pid, 'SIGKILL');
      await eventually(run, 'a restart', () => run.output().includes(`Worker local-1 ended (SIGKILL); starting it again in ${pause} s.`));
    }
    await eventually(run, 'a third process', async () => (await workerPid(run, 'local-1')) !== pid);
    await stepsDone(run, (await run.losses()).length + 5);
    run.child.kill('SIGINT');
    assert.equal((await within(run, 'its end', run.exited)).code, 0);
    await assertNothingLeft(found);
    const events = await run.events();
    const earlier = events
      .filter((line) => line['event'] === 'worker-left' && line['worker'] === 'local-1')
      .map((line) => line['shardsCommitted'] as number);
    const committed = events.findLast((line) => line['event'] === 'coordinator-ended')!['shardsCommitted'] as Record<string, number>;
    assert.ok(committed['local-1']! > earlier.reduce((sum, count) => sum + count, 0), 'its third process committed shards');
  });
});
