import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Log, LockstepError } from '@lockstep/shared';
import { gpusForWorkers } from './gpus.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lockstep-gpus-'));
});
after(() => rm(folder, { recursive: true }));

/** The GPUs that these workers get where nvidia-smi is this script and cuda fails for this reason, and what is logged above debug. */
async function gpusOf(script: string, backend: 'auto' | 'cuda' | 'wasm' | 'webgpu', workers: number, fault?: string) {
  await writeFile(join(folder, 'nvidia-smi'), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, 'nvidia-smi'), 0o755);
  const said: string[] = [];
  const say = (level: string) => (sentence: string) => void said.push(`${level}: ${sentence}`);
  const log: Log = { debug: () => {}, info: say('info'), warn: say('warn'), error: say('error') };
  const gpus = await gpusForWorkers({ backend, workers }, { PATH: folder }, log, async () => fault);
  return { count: gpus.length, said };
}

const two = "printf '%s\\n' 'GPU 0: L4 (UUID: GPU-0a)' 'GPU 1: L4 (UUID: GPU-0b)'";

describe('GPUs of spawned workers', () => {
  test('auto takes GPUs if cuda works and each worker gets one', async () => {
    for (const workers of [1, 2]) assert.deepEqual(await gpusOf(two, 'auto', workers), { count: 2, said: [] });
  });

  test('auto says once why it takes the CPU, and everything that would change that', async () => {
    const few = 'info: Workers run on the CPU: there are 2 GPUs for 4 workers (--workers 2 would use them).';
    assert.deepEqual(await gpusOf(two, 'auto', 4), { count: 0, said: [few] });
    assert.deepEqual(await gpusOf(two, 'auto', 2, 'No addon.'), { count: 0, said: ['info: Workers run on the CPU: No addon.'] });
    assert.deepEqual(await gpusOf(two, 'auto', 4, 'No addon.'), { count: 0, said: [`${few} No addon.`] });
  });

  test('auto says that a driver is broken, and says nothing if there is no GPU', async () => {
    const broken = await gpusOf('echo "No devices were found"; exit 6', 'auto', 4);
    assert.equal(broken.count, 0);
    assert.match(broken.said.join('\n'), /^info: Workers run on the CPU: nvidia-smi failed \('No devices were found'\)\.[^\n]*$/);
    assert.deepEqual(await gpusOf('', 'auto', 4), { count: 0, said: [] });
  });

  test('cuda never falls back to the CPU', async () => {
    assert.deepEqual(await gpusOf(two, 'cuda', 4, 'No addon.'), { count: 2, said: [] });
    await assert.rejects(gpusOf('exit 6', 'cuda', 4), LockstepError);
  });

  test('other backends do not ask the driver', async () => {
    for (const backend of ['wasm', 'webgpu'] as const) assert.deepEqual(await gpusOf('exit 6', backend, 4), { count: 0, said: [] });
  });
});
