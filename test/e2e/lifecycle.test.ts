/** Coordinators and workers that start in any order, end, and come back, with real processes; and what signals do. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually, refusal, start, startRun, startWorker, temporaryDirectory, tinyRecipe, within } from './harness.ts';
import { exists, freePort, freeze, needsProc, processesNaming, thaw, until, workerPid } from './processes.ts';
import {
  eventsNamed,
  hold,
  lookingForCoordinator,
  quick,
  spawnTwo,
  status,
  steps,
  stepsDone,
  undisturbed,
  waitForLate,
} from './scenarios.ts';

describe('lives', { concurrency: 2, skip: needsProc }, () => {
  test('a worker that starts before its coordinator joins it', async (t) => {
    const bind = `ipc://${join(await temporaryDirectory(t), 'lockstep.sock')}`;
    const worker = start(t, 'worker', ['--connect', bind, '--backend', 'wasm', '--recipe', tinyRecipe]);
    await lookingForCoordinator(worker);
    const run = await startRun(t, { bind, args: [...quick, '--steps', '3'] });
    await run.completed();
    assert.deepEqual(await within(worker, 'its end', worker.exited), { code: 0, signal: null });
    assert.match(worker.output(), /Worker ends: The run is over: All 3 steps are done/);
  });

  const cores = availableParallelism();
  test(
    'spawned workers that fill the cores are bound to one core each',
    { skip: cores > 4 && `needs a machine of at most 4 cores: this one has ${cores}` },
    async (t) => {
      const run = await startRun(t, {
        args: ['--spawn', '--backend', 'wasm', ...quick, '--workers', String(cores), '--shards', String(cores), '--steps', '100000'],
      });
      await stepsDone(run, 1);
      const bound = await Promise.all(
        Array.from({ length: cores }, async (_, index) => {
          const pid = await workerPid(run, `local-${index}`);
          return /^Cpus_allowed_list:\s*(\S+)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
        }),
      );
      assert.ok(
        bound.every((list) => /^\d+$/.test(list ?? '')),
        String(bound),
      );
      assert.equal(new Set(bound).size, cores);
      run.child.kill('SIGINT');
      await within(run, 'its end', run.exited);
    },
  );

  test('workers started by hand outlive a coordinator killed with -9, until --reconnect-timeout, and finish the run with the next one', async (t) => {
    const bind = `tcp://127.0.0.1:${await freePort()}`;
    const directory = join(await temporaryDirectory(t), 'run');
    const first = await startRun(t, {
      bind,
      directory,
      args: [...quick, '--workers', '3', '--checkpoint-every', '5', '--steps', String(steps)],
    });
    const [a, b, impatient] = await Promise.all([
      startWorker(t, first, ['--name', 'a']),
      startWorker(t, first, ['--name', 'b']),
      startWorker(t, first, ['--name', 'impatient', '--reconnect-timeout', '1']),
    ]);
    await eventually(first, 'a checkpoint', async () => (await eventsNamed(first, 'checkpoint')).length > 0);
    first.child.kill('SIGKILL');
    await within(first, 'its end', first.exited);
    assert.ok((await first.losses()).length < steps, 'killed before the end');
    assert.equal((await within(impatient, 'giving up', impatient.exited)).code, 14);
    assert.match(
      impatient.output(),
      /^worker: No coordinator answered at \S+ within 1 s \(--reconnect-timeout\)\. Start one, or check --connect\.$/m,
    );
    for (const worker of [a, b]) await eventually(worker, 'the loss', () => worker.output().includes(`Lost the coordinator at ${bind}`));

    const second = await startRun(t, { bind, directory, args: ['--resume', '--workers', '2'] });
    assert.deepEqual((await second.completed()).weightsSha256, (await undisturbed(t)).weightsSha256);
    assert.deepEqual(await second.losses(), (await undisturbed(t)).losses);
    for (const worker of [a, b]) assert.deepEqual(await within(worker, 'its end', worker.exited), { code: 0, signal: null });
    const events = await second.events();
    const inSecondLife = events.slice(events.findLastIndex((line) => line['event'] === 'coordinator-started'));
    const joined = inSecondLife.filter((line) => line['event'] === 'worker-joined');
    assert.deepEqual(new Set(joined.map((line) => line['pid'])), new Set([a.child.pid, b.child.pid]), 'the same processes');
  });

  test('Ctrl-C in the middle of a step: exit 0, workers too, a checkpoint of the cursor, and the resumed run has the same bits', async (t) => {
    const run = await startRun(t, { args: [...quick, ...waitForLate, '--workers', '2', '--steps', String(steps)] });
    const [a, b] = await Promise.all([startWorker(t, run, ['--name', 'a']), startWorker(t, run, ['--name', 'b'])]);
    await stepsDone(run, 5);
    await hold(run, { pid: b.child.pid!, name: 'b' }, 'generator');
    const { step } = await status(run);
    run.child.kill('SIGINT');
    assert.deepEqual(await within(run, 'its end', run.exited), { code: 0, signal: null });
    assert.match(run.output(), new RegExp(`Stopped after step ${step}: stopped by SIGINT\\. Resume with: .*--resume`));
    assert.deepEqual(await readdir(join(run.directory, 'checkpoints')), [`step-${String(step).padStart(6, '0')}-round-1`]);
    b.child.kill('SIGCONT');
    for (const worker of [a, b]) assert.deepEqual(await within(worker, 'its end', worker.exited), { code: 0, signal: null });

    const resumed = await startRun(t, { directory: run.directory, args: ['--resume', '--workers', '1', '--spawn'] });
    assert.deepEqual((await resumed.completed()).weightsSha256, (await undisturbed(t)).weightsSha256);
    assert.deepEqual(await resumed.losses(), (await undisturbed(t)).losses);
  });

  test('a second signal ends the process at once, with 128 plus its number, and no worker is left', async (t) => {
    const run = await startRun(t, { args: [...quick, ...spawnTwo, '--steps', '100000'] });
    const traces = [run.directory, await run.endpoint()];
    await stepsDone(run, 3);
    const pid = (await workerPid(run, 'local-1'))!;
    // The first stop has to wait for a worker that cannot end by itself, so that the second finds it waiting.
    await freeze(pid);
    t.after(() => thaw(pid));
    run.child.kill('SIGINT');
    run.child.kill('SIGTERM');
    const { code } = await within(run, 'its end', run.exited);
    // The kernel decides which of the two comes first.
    const first = /(\w+) received: stopping\. A second signal ends this process at once\./.exec(run.output())?.[1];
    assert.equal(code, { SIGINT: 128 + 15, SIGTERM: 128 + 2 }[first ?? ''], run.output());
    thaw(pid);
    await until('the end of every worker', async () => (await processesNaming(traces)).length === 0);
  });

  test('a second coordinator on the same run directory or endpoint is refused with the pid of the first, which goes on', async (t) => {
    const place = await temporaryDirectory(t);
    const ipc = `ipc://${join(place, 'lockstep.sock')}`;
    const tcp = `tcp://127.0.0.1:${await freePort()}`;
    const [first, other] = await Promise.all([
      startRun(t, { bind: ipc, args: [...quick, '--steps', '3'] }),
      startRun(t, { bind: tcp, args: [...quick, '--steps', '3'] }),
    ]);
    await Promise.all([first.endpoint(), other.endpoint()]);
    const directory = join(place, 'second');
    const common = ['--recipe', tinyRecipe, '--metrics-port', '0'];
    for (const [args, holder] of [
      [['--bind', ipc, '--run-dir', directory], first],
      [['--bind', tcp, '--run-dir', directory], other],
      [['--bind', 'tcp://127.0.0.1:0', '--run-dir', first.directory], first],
      [['--bind', 'tcp://127.0.0.1:0', '--run-dir', first.directory, '--resume'], first],
    ] as const) {
      const { code, output } = await refusal(t, 'coordinator', args.includes('--resume') ? args : [...common, ...args]);
      assert.equal(code, 6, output);
      assert.match(
        output,
        new RegExp(`^coordinator: The (endpoint|run directory) \\S+ is in use by process ${holder.child.pid}: stop it, or choose`),
      );
      assert.equal(await exists(directory), false, 'a refused coordinator leaves no run directory');
    }
    await startWorker(t, first);
    await first.completed();
  });
});
