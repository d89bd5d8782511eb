/**
 * A terminal that closes, a pipe whose reader goes and a full disk cost a run its log lines and nothing else: no result, no exit code.
 * SIGHUP, which a closing terminal sends, ends nothing; the log continues in the run directory.
 */
import assert from 'node:assert/strict';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import {
  bins,
  eventually,
  launch,
  type Program,
  refusal,
  startRun,
  startWorker,
  type Summary,
  temporaryDirectory,
  tinyRecipe,
  within,
} from './harness.ts';
import { needsProc, until, workerPid } from './processes.ts';
import { eventsNamed, quick, spawnTwo, steps, stepsDone, undisturbed } from './scenarios.ts';

const coordinator = [process.execPath, bins.coordinator];
const trains = [
  ...quick,
  ...spawnTwo,
  '--steps',
  String(steps),
  '--recipe',
  tinyRecipe,
  '--bind',
  'tcp://127.0.0.1:0',
  '--metrics-port',
  '0',
];

/** A shell line in which "$@" is the coordinator with its flags. */
function inShell(t: TestContext, line: string, directory: string, flags: readonly string[] = trains): Program {
  return launch(t, ['bash', '-c', line, 'bash', ...coordinator, ...flags, '--run-dir', directory]);
}

async function runDirectory(t: TestContext): Promise<string> {
  return join(await temporaryDirectory(t), 'run');
}

const logOf = (directory: string): Promise<string> => readFile(join(directory, 'coordinator.log'), 'utf8');

/** The run was completed as if nothing had happened, and its log is whole, from the first line to the last. */
async function assertUndisturbed(t: TestContext, directory: string, { hasLog = true } = {}): Promise<void> {
  const summary = JSON.parse(await readFile(join(directory, 'summary.json'), 'utf8')) as Summary;
  assert.deepEqual(summary.weightsSha256, (await undisturbed(t)).weightsSha256);
  const losses = (await readFile(join(directory, 'losses.jsonl'), 'utf8')).trimEnd().split('\n');
  assert.deepEqual(
    losses.map((line): unknown => JSON.parse(line)),
    (await undisturbed(t)).losses,
  );
  if (!hasLog) return;
  const log = await logOf(directory);
  for (const said of [
    / INFO Recipe tiny-gan: /,
    / INFO Listening at tcp:/,
    / INFO step \d+\/60 /,
    / INFO Done: 60 steps /,
    / INFO Models, pictures/,
  ])
    assert.match(log, said);
  assert.ok(!log.includes('\u001b'), 'no colours in a file');
}

describe('dead output', { concurrency: 2, skip: needsProc }, () => {
  const lines = {
    'a pipe whose reader goes after two lines': '"$@" | head -2 >&2; exit ${PIPESTATUS[0]}',
    'both outputs in a pipe whose reader is gone': '"$@" 2>&1 | true; exit ${PIPESTATUS[0]}',
    'both outputs on a full disk': '"$@" > /dev/full 2>&1',
    'both outputs closed': '"$@" >&- 2>&-',
  };
  for (const [name, line] of Object.entries(lines)) {
    test(`${name}: the run completes with the same bits`, async (t) => {
      const directory = await runDirectory(t);
      const program = inShell(t, line, directory);
      assert.deepEqual(await within(program, 'its end', program.exited), { code: 0, signal: null }, program.output());
      await assertUndisturbed(t, directory);
    });
  }

  /** Exit code of a coordinator whose terminal was closed while its progress line was shown. */
  async function onClosedTerminal(
    t: TestContext,
    directory: string,
    flags: readonly string[],
    then?: () => Promise<void>,
  ): Promise<string> {
    const codeFile = join(await temporaryDirectory(t), 'code');
    // `script` holds the terminal, which closes when `script` dies. Then the kernel sends SIGHUP to the shell, which passes it on, as
    // shells do, and stays to report the exit code.
    const words = [...coordinator, ...flags, '--run-dir', directory].map((word) => `'${word}'`).join(' ');
    const line = `trap 'kill -HUP $!' HUP; ${words} < /dev/tty & wait $!; wait $!; echo $? > '${codeFile}'`;
    const terminal = launch(t, ['script', '--quiet', '--command', line, '/dev/null'], { SHELL: '/bin/bash', TERM: 'xterm' });
    await eventually(terminal, 'a progress line', () => /\r.*\d+\/\d+ /.test(terminal.output()));
    terminal.child.kill('SIGKILL');
    await then?.();
    return await until('an exit code', async () => (await readFile(codeFile, 'utf8').catch(() => '')).trim() || undefined);
  }

  test('a terminal that closes: the run completes with the same bits', async (t) => {
    const directory = await runDirectory(t);
    assert.equal(await onClosedTerminal(t, directory, trains), '0');
    await assertUndisturbed(t, directory);
    assert.match(await logOf(directory), /SIGHUP received/);
  });

  test('a terminal that has closed: SIGTERM still checkpoints, and ends with its code', async (t) => {
    const directory = await runDirectory(t);
    const endless = trains.with(trains.indexOf(String(steps)), '100000');
    const events = async (): Promise<string> => readFile(join(directory, 'events.jsonl'), 'utf8').catch(() => '');
    const code = await onClosedTerminal(t, directory, endless, async () => {
      await until('the loss of the terminal', async () => (await logOf(directory).catch(() => '')).includes('SIGHUP received'));
      // Before the first step is done there is nothing to resume from.
      await until('a step', async () => (await readFile(join(directory, 'losses.jsonl'), 'utf8').catch(() => '')).includes('\n'));
      process.kill(Number(/"coordinator-started".*"pid":(\d+)/.exec(await events())![1]), 'SIGTERM');
    });
    assert.equal(code, '21');
    assert.match(await logOf(directory), /Stopped after step \d+: stopped by SIGTERM\. Resume with: /);
    assert.match(await events(), /"event":"checkpoint"/);
  });

  for (const before of ['', 'nohup']) {
    test(`SIGHUP to a coordinator${before === '' ? '' : ' under nohup'} and to its workers: both go on`, async (t) => {
      const directory = await runDirectory(t);
      const program = inShell(t, `exec ${before} "$@"`, directory);
      const run = { ...program, directory };
      const losses = async (): Promise<number> =>
        (await readFile(join(directory, 'losses.jsonl'), 'utf8').catch(() => '')).split('\n').length;
      await eventually(run, 'a few steps', async () => (await losses()) > 3);
      const events = (await readFile(join(directory, 'events.jsonl'), 'utf8')).split('\n');
      const pids = events.flatMap((line) => /"worker-joined".*"pid":(\d+)/.exec(line)?.[1] ?? []);
      assert.equal(pids.length, 2);
      for (const pid of [run.child.pid!, ...pids.map(Number)]) process.kill(pid, 'SIGHUP');
      assert.deepEqual(await within(run, 'its end', run.exited), { code: 0, signal: null });
      await assertUndisturbed(t, directory);
      assert.doesNotMatch(await readFile(join(directory, 'events.jsonl'), 'utf8'), /"worker-left"/);
      for (const name of ['local-0', 'local-1']) {
        const log = await readFile(join(directory, 'workers', `${name}.log`), 'utf8');
        assert.match(log, /SIGHUP received/);
        assert.match(log, /Worker ends: The run is over/);
      }
    });
  }

  test('a worker started by hand whose terminal is gone finishes the run', async (t) => {
    const run = await startRun(t, { args: [...quick, '--workers', '1', '--steps', String(steps)] });
    const worker = await startWorker(t, run);
    await stepsDone(run, 3);
    worker.child.stdout!.destroy();
    worker.child.stderr!.destroy();
    worker.child.kill('SIGHUP');
    await run.completed();
    assert.deepEqual(await within(worker, 'its end', worker.exited), { code: 0, signal: null });
    assert.deepEqual(await eventsNamed(run, 'worker-left'), []);
    await assertUndisturbed(t, run.directory);
  });

  test('logs of the run directory on a full disk, or in a file that cannot be opened, are lost, and the run completes with the same bits', async (t) => {
    const directory = await runDirectory(t);
    await mkdir(join(directory, 'workers', 'local-1.log'), { recursive: true });
    await symlink('/dev/full', join(directory, 'coordinator.log'));
    await symlink('/dev/full', join(directory, 'workers', 'local-0.log'));
    const program = inShell(t, '"$@"', directory);
    assert.deepEqual(await within(program, 'its end', program.exited), { code: 0, signal: null }, program.output());
    await assertUndisturbed(t, directory, { hasLog: false });
    assert.match(program.output(), /WARN The log of local-1 is lost: .*EISDIR/);
  });

  test('exit code and last sentence are those of the error, although nobody can read it', async (t) => {
    const directory = await runDirectory(t);
    const flags = [...quick, '--join-timeout', '0.5', '--recipe', tinyRecipe, '--bind', 'tcp://127.0.0.1:0', '--metrics-port', '0'];
    const alone = inShell(t, '"$@" > /dev/full 2>&1', directory, flags);
    assert.equal((await within(alone, 'its end', alone.exited)).code, 13);
    assert.match(await logOf(directory), /^coordinator: Waiting for 1 of 1 workers .* took longer than --join-timeout/m);

    const worker = [
      process.execPath,
      bins.worker,
      '--connect',
      'ipc:///nowhere/lockstep.sock',
      '--backend',
      'wasm',
      '--reconnect-timeout',
      '1',
    ];
    const lost = launch(t, ['bash', '-c', '"$@" > /dev/full 2>&1', 'bash', ...worker]);
    assert.equal((await within(lost, 'its end', lost.exited)).code, 14);

    const help = launch(t, ['bash', '-c', '"$@" > /dev/full', 'bash', ...coordinator, '--help']);
    assert.equal((await within(help, 'its end', help.exited)).code, 0);
  });

  test('a resumed run continues the log of the run', async (t) => {
    const directory = await runDirectory(t);
    const endless = ['--steps', '100000'];
    const first = await startRun(t, { directory, args: [...quick, ...spawnTwo, ...endless] });
    await stepsDone(first, 3);
    first.child.kill('SIGTERM');
    await within(first, 'its end', first.exited);
    const { code } = await refusal(t, 'coordinator', ['--resume', '--run-dir', directory, '--batch-size', '32', '--metrics-port', '0']);
    assert.equal(code, 9);
    const second = await startRun(t, { directory, args: ['--resume', '--spawn'] });
    await second.endpoint();
    await eventually(second, 'workers', async () => (await workerPid(second, 'local-1')) !== undefined);
    second.child.kill('SIGTERM');
    await within(second, 'its end', second.exited);
    const log = await logOf(directory);
    assert.match(
      log,
      /^# \d{4}-\d\d-\d\dT\S+ coordinator \S+, process \d+\n[^]*Stopped after[^]*^# \d{4}-\d\d-\d\dT[^]*Resuming after[^]*Stopped after/m,
    );
  });
});
