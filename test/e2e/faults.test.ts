/**
 * Faults, with real processes: workers that hang, leave or cheat, strangers, numbers that diverge, full disks. The run goes on, or says why
 * not.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, mkdtemp, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { decode, encode, errorTable, listen, toCoordinator } from '@lockstep/shared';
import { Packr } from 'msgpackr';
import { Dealer } from 'zeromq';
import { runaway } from './exit-codes.ts';
import { eventually, type Run, start, startRun, startWorker, temporaryDirectory, tinyRecipe, within } from './harness.ts';
import { freeze, needsProc, workerPid } from './processes.ts';
import {
  eventsNamed,
  hold,
  lookingForCoordinator,
  quick,
  recipeFile,
  status,
  steps,
  stepsDone,
  undisturbed,
  waitForLate,
} from './scenarios.ts';

const packr = new Packr({ useRecords: false });

describe('faults', { concurrency: 2, skip: needsProc }, () => {
  test('a suspended worker is removed after --worker-timeout, its shards go to others, and once it is resumed it takes part again', async (t) => {
    const run = await startRun(t, { args: [...quick, ...waitForLate, '--workers', '2', '--worker-timeout', '2', '--steps', '100000'] });
    const [, b] = await Promise.all([startWorker(t, run, ['--name', 'a']), startWorker(t, run, ['--name', 'b'])]);
    await stepsDone(run, 3);
    await freeze(b.child.pid!);
    const left = await eventually(run, 'letting go', async () => (await eventsNamed(run, 'worker-left'))[0]);
    assert.deepEqual([left['worker'], left['cause']], ['b', 'timeout']);
    assert.match(left['reason'] as string, /did not answer within 2 s \(--worker-timeout\)/);
    assert.equal((await eventsNamed(run, 'shards-reassigned'))[0]!['worker'], 'b');
    const then = (await run.losses()).length;
    await stepsDone(run, then + 3);
    b.child.kill('SIGCONT');
    await eventually(
      run,
      'its return',
      async () => (await eventsNamed(run, 'worker-joined')).filter((line) => line['worker'] === 'b').length === 2,
    );
    const again = (await run.losses()).length;
    await stepsDone(run, Math.max(steps, again + 3));
    run.child.kill('SIGTERM');
    assert.equal((await within(run, 'its end', run.exited)).code, errorTable.stopped.exitCode);
    const committed = (await eventsNamed(run, 'coordinator-ended'))[0]!['shardsCommitted'] as Record<string, number>;
    assert.ok(committed['b']! > (left['shardsCommitted'] as number), 'it committed shards after its return');
    assert.deepEqual((await run.losses()).slice(0, steps), (await undisturbed(t)).losses);
  });

  test('a spawned worker that freezes is killed and started again, with the same bits', async (t) => {
    const spawn = ['--workers', '1', '--spawn', '--backend', 'wasm', '--worker-timeout', '2', '--steps', String(steps)];
    const run = await startRun(t, { args: [...quick, ...spawn] });
    await stepsDone(run, 3);
    await freeze((await workerPid(run, 'local-0'))!);
    const { weightsSha256 } = await run.completed();
    assert.match(run.output(), /Worker local-0 has not said anything for 5 s; killing it\./);
    assert.match(run.output(), /Worker local-0 ended \(SIGKILL\); starting it again in 0\.25 s\./);
    assert.deepEqual(weightsSha256, (await undisturbed(t)).weightsSha256);
  });

  test('a worker that stops in the middle of a round is not waited for, and takes part again when it goes on; the weights are the same', async (t) => {
    const length = ['--steps', '300'];
    const run = await startRun(t, { args: [...quick, ...length, '--workers', '2'] });
    const [, b] = await Promise.all([startWorker(t, run, ['--name', 'a']), startWorker(t, run, ['--name', 'b'])]);
    await stepsDone(run, 5);
    await freeze(b.child.pid!);
    const before = await figure(run, 'lockstep_worker_compute_seconds_count{worker="b"}');
    const { step } = await status(run);
    await stepsDone(run, step + 20);
    assert.ok((await figure(run, 'lockstep_shards_copied_total')) >= 1, 'its shard was computed by a');
    b.child.kill('SIGCONT');
    await eventually(
      run,
      'more answers of b',
      async () => (await figure(run, 'lockstep_worker_compute_seconds_count{worker="b"}')) > before + 1,
    );
    const { weightsSha256 } = await run.completed();
    assert.deepEqual(
      (await eventsNamed(run, 'worker-left')).filter(({ cause }) => cause === 'timeout' || cause === 'expelled'),
      [],
    );
    const alone = await startRun(t, { args: [...quick, ...length, '--workers', '1', '--spawn', '--backend', 'wasm'] });
    assert.deepEqual(weightsSha256, (await alone.completed()).weightsSha256);
    assert.deepEqual(await run.losses(), await alone.losses());
  });

  test('a coordinator that is suspended until its workers have given it up continues with them, and with the same bits', async (t) => {
    const run = await startRun(t, { args: [...quick, ...waitForLate, '--workers', '2', '--min-workers', '2', '--steps', String(steps)] });
    const workers = await Promise.all(['a', 'b'].map((name) => startWorker(t, run, ['--name', name])));
    await stepsDone(run, 5);
    // One of them has WORK to answer. It will answer a coordinator that cannot read it before the connection is given up.
    await hold(run, { pid: workers[1]!.child.pid!, name: 'b' });
    await freeze(run.child.pid!);
    workers[1]!.child.kill('SIGCONT');
    for (const worker of workers) await eventually(worker, 'the loss', () => worker.output().includes('Lost the coordinator'));
    run.child.kill('SIGCONT');
    assert.deepEqual((await run.completed()).weightsSha256, (await undisturbed(t)).weightsSha256);
    // What they had sent before is late, which is not their fault.
    assert.deepEqual(await eventsNamed(run, 'worker-refused'), []);
    for (const worker of workers) assert.deepEqual(await within(worker, 'its end', worker.exited), { code: 0, signal: null });
  });

  test('below --min-workers the run pauses and says so; it continues when one joins, and ends after --join-timeout when none does', async (t) => {
    const bind = `ipc://${join(await temporaryDirectory(t), 'lockstep.sock')}`;
    const [a, b, c] = ['a', 'b', 'c'].map((name) =>
      start(t, 'worker', ['--name', name, '--connect', bind, '--backend', 'wasm', '--recipe', tinyRecipe]),
    ) as [ReturnType<typeof start>, ReturnType<typeof start>, ReturnType<typeof start>];
    for (const worker of [a, b, c]) await lookingForCoordinator(worker);
    await freeze(c.child.pid!); // kept back to join later
    const run = await startRun(t, {
      bind,
      args: [...quick, '--workers', '2', '--min-workers', '2', '--join-timeout', '5', '--steps', '100000'],
    });
    await stepsDone(run, 3);
    b.child.kill('SIGTERM');
    assert.deepEqual(await within(b, 'its end', b.exited), { code: errorTable.stopped.exitCode, signal: null });
    const { reason } = await eventually(run, 'a pause', async () => {
      const now = await status(run);
      return now.state === 'waiting' && !now.ready && now;
    });
    assert.match(reason, /^Waiting for 1 of 2 workers \(ready: a\)\. Start one with: npx .*worker .*--connect ipc:/);
    const paused = (await status(run)).step;
    c.child.kill('SIGCONT');
    await stepsDone(run, paused + 3);
    c.child.kill('SIGTERM');
    assert.equal((await within(run, 'its end', run.exited)).code, 13);
    assert.match(
      run.output(),
      /^coordinator: Waiting for 1 of 2 workers \(ready: a\).* This took longer than --join-timeout \(5 s\)\..*--resume/m,
    );
    const { step } = (await eventsNamed(run, 'coordinator-ended'))[0]!;
    assert.ok((await readdir(join(run.directory, 'checkpoints'))).some((name) => name.startsWith(`step-${String(step).padStart(6, '0')}`)));
    assert.deepEqual(await within(a, 'its end', a.exited), { code: 0, signal: null });
  });

  test('a worker with another recipe, one with another protocol, one with a name in use, and strangers are refused, and the run goes on', async (t) => {
    const run = await startRun(t, { args: [...quick, '--workers', '2', '--steps', String(steps)] });
    const endpoint = await run.endpoint();
    const changed = await startWorker(t, run, ['--name', 'changed', '--recipe', await recipeFile(t, (tiny) => `${tiny}// mine`)]);
    assert.equal((await within(changed, 'its end', changed.exited)).code, 17);
    assert.match(
      changed.output(),
      /^worker: The recipe 'tiny-gan' on this machine \([0-9a-f]{12}\) is not the run's 'tiny-gan' \([0-9a-f]{12}\): use the coordinator's copy of/m,
    );

    const old = await startWorker(t, run, ['--name', 'a']);
    await eventually(run, 'the first a', async () => (await eventsNamed(run, 'worker-joined')).length === 1);
    const [ancient] = await asStranger(t, endpoint, [packr.pack([99, { type: 'hello' }])]);
    assert.match(ancient!, /It sent protocol version 99, not 4: install Lockstep \S+ \(protocol 4\) on its machine/);
    const liars = [
      [Buffer.alloc(0)],
      [randomBytes(100)],
      [Buffer.alloc(100_000)],
      [packr.pack([2, { type: 'hello' }])],
      [packr.pack([2, { type: 'result', runId: 'x', term: 1, peer: 'x', round: 0 }])],
      [packr.pack([2, { type: 'ready', runId: 'x', term: 1, peer: 'x', round: 0, manifests: {}, fingerprint: 'x' }])],
      [packr.pack({ __proto__: { polluted: true } })],
      [Buffer.from('down')],
    ];
    for (const frames of liars) await asStranger(t, endpoint, frames, false);
    await rawBytes(Number(new URL(endpoint).port), randomBytes(10_000));

    await startWorker(t, run, ['--name', 'a']);
    assert.equal((await within(old, 'its end', old.exited)).code, 15);
    assert.match(
      old.output(),
      /^worker: The coordinator refused this worker: A newer worker named 'a' has joined; names must be unique \(--name\)\.$/m,
    );
    await startWorker(t, run, ['--name', 'b']);
    assert.deepEqual((await run.completed()).weightsSha256, (await undisturbed(t)).weightsSha256);
    const codes = (await eventsNamed(run, 'worker-refused')).map((line) => line['code']);
    assert.ok(codes.includes('version-mismatch') && codes.includes('refused'), String(codes));
    assert.doesNotMatch(run.output(), /^ {4}at /m);
  });

  test('a coordinator that names a local file as its recipe does not make a worker run that file', async (t) => {
    const directory = await temporaryDirectory(t);
    const marker = join(directory, 'imported');
    const module = join(directory, 'module.mjs');
    await writeFile(module, `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(marker)}, '');`);
    const endpoint = await rogueCoordinator(t, module);
    const worker = start(t, 'worker', ['--connect', endpoint, '--backend', 'wasm']);
    assert.equal((await within(worker, 'its end', worker.exited)).code, errorTable['recipe-mismatch'].exitCode, worker.output());
    assert.match(
      worker.output(),
      /^worker: The run uses the recipe '\S+module\.mjs', which is not built in: start the worker with --recipe/m,
    );
    await assert.rejects(access(marker), { code: 'ENOENT' });
  });

  test('a run that diverges names the step, keeps the checkpoint before it, and diverges there again when resumed', async (t) => {
    const recipe = await recipeFile(t, () => runaway);
    const args = [
      '--recipe',
      recipe,
      '--workers',
      '1',
      '--spawn',
      '--backend',
      'wasm',
      '--checkpoint-every',
      '1',
      '--grid-every',
      '0',
      '--steps',
      '50',
    ];
    const run = await startRun(t, { args });
    assert.equal((await within(run, 'its end', run.exited)).code, 19);
    const steps = (await run.losses()).length;
    assert.ok(steps >= 2 && steps < 50, `${steps} good steps`);
    const sentence = new RegExp(
      `^coordinator: The (loss|gradient) of step ${steps + 1}, phase run is .*Lower --learning-rate or check the recipe's loss\\.$`,
      'm',
    );
    assert.match(run.output(), sentence);
    const newest = (await readdir(join(run.directory, 'checkpoints'))).toSorted().at(-1);
    assert.equal(newest, `step-${String(steps).padStart(6, '0')}`);
    const resumed = await startRun(t, { directory: run.directory, args: ['--resume'] });
    assert.equal((await within(resumed, 'its end', resumed.exited)).code, 19);
    assert.match(resumed.output(), new RegExp(`Resuming after step ${steps}\\.`));
    assert.match(resumed.output(), sentence);
  });

  test('on a full disk training goes on, the last checkpoint ends it with the path, and once there is room it completes with the same bits', async (t) => {
    const disk = await smallDisk(t);
    if (disk === undefined) return t.skip('needs to mount a tmpfs (root)');
    const directory = join(disk, 'run');
    const args = [
      '--workers',
      '1',
      '--spawn',
      '--backend',
      'wasm',
      '--checkpoint-every',
      '20',
      '--keep',
      '1',
      '--steps',
      String(steps),
      ...quick,
    ];
    const run = await startRun(t, { directory, args });
    await eventually(run, 'a checkpoint', async () => (await eventsNamed(run, 'checkpoint')).length > 0);
    await fill(join(disk, 'filler'));
    assert.equal((await within(run, 'its end', run.exited)).code, 10);
    assert.match(
      run.output(),
      new RegExp(`A checkpoint could not be written; training continues: Cannot write ${directory}/\\S+: the disk is full \\(ENOSPC\\)`),
    );
    assert.match(
      run.output(),
      new RegExp(
        `^coordinator: Cannot write ${directory}/\\S+: the disk is full \\(ENOSPC\\)\\. Free space there, then continue with --resume\\.$`,
        'm',
      ),
    );
    assert.doesNotMatch(run.output(), /^ {4}at /m);
    await rm(join(disk, 'filler'));
    const resumed = await startRun(t, { directory, args: ['--resume'] });
    assert.deepEqual((await resumed.completed()).weightsSha256, (await undisturbed(t)).weightsSha256);
  });

  test('a disk that has room again while the last checkpoint waits for it: the run completes', async (t) => {
    const disk = await smallDisk(t);
    if (disk === undefined) return t.skip('needs to mount a tmpfs (root)');
    const spawn = ['--workers', '1', '--spawn', '--backend', 'wasm', '--checkpoint-every', '0', '--steps', String(steps)];
    const run = await startRun(t, { directory: join(disk, 'run'), args: [...quick, ...spawn] });
    await stepsDone(run, 3);
    await fill(join(disk, 'filler'));
    await eventually(run, 'a wait for room', () => /the disk is full \(ENOSPC\)\..* Trying again in 1 s\./.test(run.output()));
    await rm(join(disk, 'filler'));
    assert.deepEqual((await run.completed()).weightsSha256, (await undisturbed(t)).weightsSha256);
  });
});

/** One sample of /metrics; 0 while it is not there. */
async function figure(run: Run, series: string): Promise<number> {
  const text = await (await fetch(`${await run.metricsUrl()}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length));
}

/** Sends frames over ZeroMQ that break the protocol; with `answers`, waits for an answer and resolves with its text. */
async function asStranger(t: TestContext, endpoint: string, frames: readonly Uint8Array[], answers = true): Promise<string[]> {
  const dealer = new Dealer({ linger: 1000, routingId: `stranger-${randomBytes(4).toString('hex')}` });
  t.after(() => dealer.close());
  dealer.connect(endpoint);
  await dealer.send(frames as Buffer[]);
  return answers ? (await dealer.receive()).map((frame) => frame.toString('latin1')) : [];
}

/** Welcomes every worker to a run whose recipe has this name. */
async function rogueCoordinator(t: TestContext, name: string): Promise<string> {
  const run = { recipe: { name, hash: '0'.repeat(64) }, seed: 1, batchSize: 4, shardCount: 1, execution: 'graph' } as const;
  const transport = await listen('tcp://127.0.0.1:0');
  transport.serve({
    message(peer, frames) {
      const decoded = decode(toCoordinator, frames);
      if (decoded.ok && decoded.message.type === 'hello')
        transport.send(peer, encode({ type: 'welcome', runId: 'rogue', term: 1, peer, round: 0, run }));
    },
    down: () => {},
  });
  t.after(() => transport.close(0));
  return transport.endpoint;
}

/** Bytes that are not even ZeroMQ's. Resolves when the other side hung up or took them all. */
async function rawBytes(port: number, bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    socket.on('close', () => resolve());
    socket.on('error', () => resolve());
    socket.resume();
  });
}

/** A file system with room for the run and one or two checkpoints. Undefined where this user may not mount one. */
async function smallDisk(t: TestContext): Promise<string | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'lockstep-disk-'));
  const run = promisify(execFile);
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path]).then(
    () => true,
    () => false,
  );
  t.after(async () => {
    if (mounted) await run('umount', ['--lazy', path]);
    await rmdir(path);
  });
  return mounted ? path : undefined;
}

async function fill(path: string): Promise<void> {
  await assert.rejects(writeFile(path, Buffer.alloc(8 * 1024 * 1024)), { code: 'ENOSPC' });
}
