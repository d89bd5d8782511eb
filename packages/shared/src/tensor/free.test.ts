import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { freeFlat } from './free.ts';

describe('freed flats', () => {
  test('their memory is gone within a few turns of the event loop, without a garbage collection', async () => {
    const bytes = 64 * 2 ** 20;
    const flat = new Float32Array(bytes / 4).fill(1);
    const before = process.memoryUsage().arrayBuffers;
    freeFlat(flat);
    assert.equal(flat.length, 0);
    for (let turn = 0; turn < 100 && process.memoryUsage().arrayBuffers > before - bytes; turn += 1) await setImmediate();
    assert.ok(process.memoryUsage().arrayBuffers <= before - bytes);
  });

  test('a part of something larger is left alone', () => {
    const whole = Float32Array.of(1, 2, 3);
    freeFlat(whole.subarray(1));
    assert.deepEqual([...whole], [1, 2, 3]);
  });

  test('do not keep a process alive', () => {
    const program = `import { freeFlat } from '${new URL('free.ts', import.meta.url).href}'; freeFlat(new Float32Array(8));`;
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    assert.equal(status, 0, stderr);
  });
});
