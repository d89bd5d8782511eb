/** With a stand-in for nvidia-smi on the PATH. */
import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { NoDriver, readGpus } from './gpus.ts';

const [first, second] = ['GPU-aaaaaaaa-0000-0000-0000-000000000000', 'GPU-bbbbbbbb-0000-0000-0000-000000000000'];

async function standIn(t: TestContext, script: string): Promise<Record<string, string>> {
  const directory = await mkdtemp(join(tmpdir(), 'lockstep-test-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'nvidia-smi');
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return { PATH: `${directory}:/usr/bin:/bin` };
}

const answer = (...lines: string[]): string =>
  `case "$1" in --query-gpu=index,uuid,*) ;; *) exit 9;; esac\ncat <<'END'\n${lines.join('\n')}\nEND`;

test('figures come in base units; what a GPU does not have is missing', async (t) => {
  const lines = [`0, ${first}, NVIDIA H100 80GB HBM3, 37, 1024, 81559, 41`, `1, ${second}, Tesla K80, [N/A], 0, 11441, [Not Supported]`];
  const environment = await standIn(t, answer(...lines));
  assert.deepEqual(await readGpus(environment), [
    {
      uuid: first,
      name: 'NVIDIA H100 80GB HBM3',
      utilization: 0.37,
      memoryUsedBytes: 1024 * 2 ** 20,
      memorySizeBytes: 81559 * 2 ** 20,
      temperatureCelsius: 41,
    },
    {
      uuid: second,
      name: 'Tesla K80',
      utilization: undefined,
      memoryUsedBytes: 0,
      memorySizeBytes: 11441 * 2 ** 20,
      temperatureCelsius: undefined,
    },
  ]);
});

test('only GPUs that this process may use are told', async (t) => {
  const environment = await standIn(t, answer(`0, ${first}, A, 1, 1, 1, 1`, `1, ${second}, B, 1, 1, 1, 1`));
  const seen = async (CUDA_VISIBLE_DEVICES: string) =>
    (await readGpus({ ...environment, CUDA_VISIBLE_DEVICES })).map(({ name }) => name).join('');
  assert.equal(await seen('1'), 'B');
  assert.equal(await seen(first), 'A');
  assert.equal(await seen('GPU-b'), 'B');
  assert.equal(await seen('1,0'), 'AB');
  assert.equal(await seen('-1'), '');
  assert.equal(await seen(''), '');
  assert.equal(await seen('MIG-11111111-0000-0000-0000-000000000000'), '');
});

test('no driver, one that fails, one that hangs and one that never stops talking are told apart or bounded', async (t) => {
  await assert.rejects(readGpus({ PATH: '/nowhere' }), NoDriver);
  await assert.rejects(readGpus(await standIn(t, 'echo broken; exit 9')), (error) => !(error instanceof NoDriver));
  await assert.rejects(readGpus(await standIn(t, 'exec sleep 60'), 100), (error) => (error as { killed?: boolean }).killed === true);
  await assert.rejects(readGpus(await standIn(t, 'exec yes')), /maxBuffer/);
  assert.deepEqual(await readGpus(await standIn(t, 'echo nonsense')), []);
});
