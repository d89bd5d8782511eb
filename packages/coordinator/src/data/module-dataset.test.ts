import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LockstepError } from '@lockstep/shared';
import { openDataset } from './open-dataset.ts';

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lockstep-module-'));
});
after(() => rm(directory, { recursive: true, force: true }));

const fields = "fields: { x: { shape: [2], dtype: 'float32' } }";
let written = 0;
/** A module of its own name, since Node keeps what it has loaded. */
async function moduleOf(text: string): Promise<string> {
  const path = join(directory, `data-${(written += 1)}.mjs`);
  await writeFile(path, text);
  return path;
}

test('what read gives is checked: type, length, and errors of its own', async () => {
  const cases: readonly [read: string, says: RegExp][] = [
    ['() => ({ x: new Float64Array(2) })', /gave no Float32Array of 2 elements for field 'x' of 1 samples/],
    ['() => ({ x: new Float32Array(3) })', /gave no Float32Array of 2 elements/],
    ['() => {}', /gave no Float32Array of 2 elements/],
    ["() => { throw new Error('the tape is torn') }", /failed in read: the tape is torn/],
  ];
  for (const [read, says] of cases) {
    const path = await moduleOf(`export default { ${fields}, splits: { train: { length: 5, read: ${read} } } }`);
    const dataset = await openDataset({ path, split: 'train' });
    assert.throws(
      () => dataset.read('x', Uint32Array.of(0), new Uint8Array(8)),
      (error) => error instanceof LockstepError && error.message.startsWith(`The data module ${path} `) && says.test(error.message),
    );
  }
});

test('a module that cannot be used is refused with its name and the field', async () => {
  const cases: readonly [text: string, says: RegExp][] = [
    ['export default {', /cannot be loaded: Unexpected end of input/],
    ['export const data = 1;', /has a bad default export: the export itself/],
    [`export default { ${fields}, splits: { train: { length: 0, read() {} } } }`, /splits\.train\.length/],
    [`export default { ${fields}, splits: { train: { length: 3 } } }`, /splits\.train\.read: must be a function/],
    [`export default { ${fields}, splits: { test: { length: 3, read() {} } } }`, /has no train split: add splits\.train/],
    [`export default { ${fields}, splits: { train: { length: 3, read() {}, size: 1 } } }`, /splits\.train: .*size/],
  ];
  for (const [text, says] of cases) {
    const path = await moduleOf(text);
    await assert.rejects(
      openDataset({ path, split: 'train' }),
      (error) => error instanceof LockstepError && error.message.includes(path) && says.test(error.message),
    );
  }
});

test('a SHA-256 that the module knows is taken, and nothing is read for it', async () => {
  const sha256 = 'a'.repeat(64);
  const read = "() => { throw new Error('read') }";
  const path = await moduleOf(`export default { ${fields}, splits: { train: { length: 5, read: ${read}, sha256: '${sha256}' } } }`);
  assert.equal((await openDataset({ path, split: 'train' })).computeSha256(), sha256);
});
