/** `coordinator chaos` against real runs: their workers alone, everything continued in the end, and a verdict. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { errorTable } from '@lockstep/shared';
import { eventually, refusal, start, startRun, startWorker, temporaryDirectory, within } from './harness.ts';
import { needsProc, processState, until, workerPid } from './processes.ts';
import { eventsNamed, quick, spawnTwo, stepsDone } from './scenarios.ts';

const often = ['--kill-every', '3', '--stop-every', '3', '--delay-every', '1', '--seed', '7'];

describe('coordinator chaos', { concurrency: 2, skip: needsProc }, () => {
  test('kills, stops and delays the workers of a run, tells what came of it, and finds the weights of an undisturbed run', async (t) => {
    const run = await startRun(t, { args: [...quick, ...spawnTwo, '--steps', '100000'] });
    await stepsDone(run, 5);
    const args = ['chaos', '--run-dir', run.directory, '--duration', '8', '--verify', ...often];
    const chaos = start(t, 'coordinator', args);
    await eventually(chaos, 'a verdict', () => chaos.output().includes('Waiting until the run is complete'));
    const output = chaos.output();
    const [, kills, stops, delays] = /Done: (\d+) kills?, (\d+) stops?, (\d+) delays? of workers\./.exec(output)!.map(Number);
    assert.ok(kills! > 0 && stops! > 0 && delays! > 0, output);
    assert.match(output, /Training went on from step \d+ to step \d+: [\d.e-]+ s a step before, [\d.e-]+ s a step during/);
    assert.match(output, /No step was lost, and none was repeated\./);
    const left = await eventsNamed(run, 'worker-left');
    assert.ok(left.length >= kills!, `${left.length} workers left`);

    // The run ends where it is, and chaos trains as many steps again.
    run.child.kill('SIGTERM');
    await within(run, 'its end', run.exited);
    const steps = (await run.losses()).length;
    const resumed = await startRun(t, { directory: run.directory, args: ['--resume', '--spawn', '--steps', String(steps + 5)] });
    await resumed.completed();
    assert.equal((await within(chaos, 'its end', chaos.exited)).code, 0, chaos.output());
    assert.match(chaos.output(), /Weights of generator: sha256 [0-9a-f]{64}, as undisturbed/);
  });

  test('Ctrl-C ends it at once, and whoever was stopped continues', async (t) => {
    const run = await startRun(t, { args: [...quick, ...spawnTwo, '--steps', '100000'] });
    await stepsDone(run, 5);
    const rates = ['--kill-every', '0', '--delay-every', '0', '--stop-every', '0.5'];
    const chaos = start(t, 'coordinator', ['chaos', '--run-dir', run.directory, '--duration', '60', ...rates]);
    await eventually(chaos, 'a stop', () => /stop local-\d/.test(chaos.output()));
    const name = /stop (local-\d)/.exec(chaos.output())![1]!;
    const pid = (await workerPid(run, name))!;
    chaos.child.kill('SIGINT');
    assert.equal((await within(chaos, 'its end', chaos.exited)).code, 0, chaos.output());
    assert.notEqual(await processState(pid), 'T');
    run.child.kill('SIGTERM');
    await within(run, 'its end', run.exited);
  });

  test('a directory without a run under way, and workers that nobody would start again, are refused', async (t) => {
    const empty = await temporaryDirectory(t);
    const nobody = await refusal(t, 'coordinator', ['chaos', '--run-dir', empty]);
    assert.equal(nobody.code, errorTable.usage.exitCode);
    assert.match(nobody.output, /Nobody trains the run in \S+ on this machine now: start it first, in another terminal\./);
    assert.deepEqual(await readdir(empty), []);

    const run = await startRun(t, { args: [...quick, '--steps', '100000'] });
    const worker = await startWorker(t, run, ['--name', 'mine']);
    await stepsDone(run, 3);
    const { code, output } = await refusal(t, 'coordinator', ['chaos', '--run-dir', run.directory]);
    assert.equal(code, errorTable.usage.exitCode);
    assert.match(output, /has no worker that its coordinator started \(--spawn\)/);
    await until('a worker that goes on', async () => worker.child.exitCode === null);
  });
});
