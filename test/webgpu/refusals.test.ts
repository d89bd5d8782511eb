/** What the worker says if `--backend webgpu` cannot run. Before that, Dawn prints lines of its own with the driver's answer. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { errorTable } from '@lockstep/shared';
import { refusal, temporaryDirectory } from '../e2e/harness.ts';
import { webgpu } from './adapter.ts';

async function refused(
  t: TestContext,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<{ code: number | null; said: string }> {
  const { code, output } = await refusal(t, 'worker', ['--backend', 'webgpu', '--reconnect-timeout', '1', ...args], environment);
  return { code, said: output.trimEnd().split('\n').at(-1)! };
}

test('without a driver it says what to install', { skip: process.platform !== 'linux' }, async (t) => {
  const none = join(await temporaryDirectory(t), 'none.json');
  const { code, said } = await refused(t, [], { VK_DRIVER_FILES: none, VK_ICD_FILENAMES: none });
  assert.equal(code, errorTable['backend-unavailable'].exitCode);
  assert.match(said, /^worker: Backend webgpu: Dawn found no GPU\. Install the Vulkan loader .*, or choose --backend wasm\.$/);
});

test('an adapter that does not exist, or is not a GPU, is refused by name', async (t) => {
  const backend = await webgpu(t);
  if (backend === undefined) return;
  const missing = await refused(t, ['--gpu', '999'], {});
  assert.equal(missing.code, errorTable['gpu-unavailable'].exitCode);
  assert.match(missing.said, /^worker: --gpu 999: there is no such WebGPU adapter\. Available: 0 \(.+\)/);
  if (!backend.device.includes('software')) return;
  const software = await refused(t, [], { LOCKSTEP_WEBGPU_SOFTWARE: '' });
  assert.equal(software.code, errorTable['gpu-unavailable'].exitCode);
  assert.match(software.said, /^worker: Backend webgpu: adapter 0 \(.+\) computes on the CPU\./);
});
