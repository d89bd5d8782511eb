/** With the built worker, and a module loaded before it that imitates the faults of a library. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { whyNot } from './backend-check.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lockstep-cuda-'));
});
after(() => rm(folder, { recursive: true }));

async function withFault(code: string): Promise<NodeJS.ProcessEnv> {
  const file = join(folder, 'fault.cjs');
  await writeFile(file, code);
  return { PATH: folder, NODE_OPTIONS: `--require ${file}` };
}

describe('the check of a backend', () => {
  test("repeats the worker's own sentence", async () => {
    assert.match((await whyNot('cuda', { PATH: folder })) ?? '', /^No NVIDIA GPU can be used: nvidia-smi is not on the PATH\./);
  });

  test('says nothing about one that works', async () => {
    assert.equal(await whyNot('wasm', process.env), undefined);
  });

  test('survives a library that crashes', async () => {
    assert.equal(
      await whyNot('cuda', await withFault("process.kill(process.pid, 'SIGSEGV');")),
      "Backend cuda ended its check with SIGSEGV; 'npx --no -- worker --backend cuda' shows more.",
    );
  });

  test('does not wait for ever for a library that hangs', async () => {
    const hangs = await withFault('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);');
    assert.match((await whyNot('cuda', hangs, 200)) ?? '', /^Backend cuda did not load within 0\.2 seconds; /);
  });
});
