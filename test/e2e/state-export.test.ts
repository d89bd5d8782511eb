/** What a run with state and with an average leaves: hashes, exports, and exports again where they are missing. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Line, root, startRun, type Summary } from './harness.ts';

const layers = join(root, 'test/fixtures/layers.mjs');

test('state and the average of the weights are exported, and again if they are missing', async (t) => {
  const run = await startRun(t, { args: ['--workers', '1', '--spawn', '--backend', 'wasm', '--recipe', layers, '--steps', '4'] });
  const { averageSha256, stateSha256, weightsSha256 } = (await run.completed()) as Summary & Line;
  const hashOf = async (name: string, file = 'weights.bin'): Promise<string> =>
    createHash('sha256')
      .update(await readFile(join(run.directory, 'model', name, file)))
      .digest('hex');
  assert.deepEqual(averageSha256, { generator: await hashOf('generator-average') });
  assert.equal(weightsSha256['generator'], await hashOf('generator'));
  assert.notEqual(await hashOf('generator-average'), await hashOf('generator'));
  const { generator, discriminator } = stateSha256 as Record<string, string>;
  assert.equal(generator, await hashOf('generator', 'state.bin'));
  // Exports hold kernels as the network uses them: divided by their largest singular value, without the vectors.
  assert.notEqual(discriminator, await hashOf('discriminator', 'state.bin'));
  assert.notEqual(weightsSha256['discriminator'], await hashOf('discriminator'));
  assert.deepEqual((await readdir(join(run.directory, 'model'))).toSorted(), ['discriminator', 'generator', 'generator-average']);
  await rm(join(run.directory, 'model', 'generator-average'), { recursive: true });
  await (await startRun(t, { directory: run.directory, args: ['--resume', '--workers', '1', '--spawn'] })).completed();
  assert.deepEqual(averageSha256, { generator: await hashOf('generator-average') });
});
