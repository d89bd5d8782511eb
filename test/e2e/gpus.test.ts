/** `auto` on machines with an NVIDIA driver, which a stand-in for nvidia-smi imitates: what runs, and what is logged. */
import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { eventually, type Run, start, startRun, temporaryDirectory } from './harness.ts';
import { eventsNamed, quick } from './scenarios.ts';

/** A machine whose nvidia-smi is this script, and where `npm run native` never ran. */
async function machine(t: TestContext, script: string): Promise<NodeJS.ProcessEnv> {
  const directory = await temporaryDirectory(t);
  const bin = join(directory, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'nvidia-smi'), `#!/bin/sh\n${script}\n`);
  await chmod(join(bin, 'nvidia-smi'), 0o755);
  return { PATH: `${bin}:${process.env['PATH']}`, LOCKSTEP_NATIVE_DIR: join(directory, 'native') };
}

const gpus = (count: number): string =>
  Array.from({ length: count }, (_, index) => `echo 'GPU ${index}: Fake GPU (UUID: GPU-0000000${index})'`).join('\n');
/** Reads from a pipe that nobody writes to. */
const hangs = 'read forever';

/** As `npm start`, but short. */
const spawnAuto = async (t: TestContext, environment: NodeJS.ProcessEnv): Promise<Run> =>
  startRun(t, { args: [...quick, '--shards', '4', '--workers', '4', '--spawn', '--steps', '3'], environment });

function linesOf(run: Run, level: string): string[] {
  return run
    .output()
    .split('\n')
    .filter((line) => line.includes(` ${level} `) && line.includes('Workers run on the CPU'));
}

describe('auto on a machine with an NVIDIA driver', { concurrency: 2 }, () => {
  test('one GPU and four workers train on the CPU, and one line says why', async (t) => {
    const run = await spawnAuto(t, await machine(t, gpus(1)));
    await run.completed();
    const [line, ...others] = linesOf(run, 'INFO');
    assert.match(line ?? '', /Workers run on the CPU: there is 1 GPU for 4 workers \(--workers 1 would use it\)\. Backend cuda: /);
    assert.deepEqual([others, linesOf(run, 'WARN')], [[], []]);
    const backends = (await eventsNamed(run, 'worker-joined')).map((event) => event['backend']);
    assert.deepEqual(new Set(backends), new Set(['wasm']));
  });

  test('four GPUs without the CUDA addon: the same, with the command that builds it', async (t) => {
    const run = await spawnAuto(t, await machine(t, gpus(4)));
    await run.completed();
    const [line, ...others] = linesOf(run, 'INFO');
    assert.match(line ?? '', /Workers run on the CPU: Backend cuda: @tensorflow\/tfjs-node-gpu .*npx --no -- lockstep-native --cuda/);
    assert.deepEqual(others, []);
  });

  test('a driver that does not answer is a warning, and the run trains on the CPU', async (t) => {
    const run = await spawnAuto(t, await machine(t, hangs));
    await run.completed();
    const [line, ...others] = linesOf(run, 'WARN');
    assert.match(line ?? '', /Workers run on the CPU: nvidia-smi did not answer within 10 seconds\./);
    assert.deepEqual([others, linesOf(run, 'INFO')], [[], []]);
  });

  test('a worker started by hand warns of it too', async (t) => {
    const worker = start(t, 'worker', ['--connect', 'ipc:///nowhere/lockstep.sock'], await machine(t, hangs));
    await eventually(worker, 'its backend', () => / WARN Backend cuda was skipped: nvidia-smi did not answer within/.test(worker.output()));
  });
});
