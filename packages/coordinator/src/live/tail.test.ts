import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createTail } from './tail.ts';

async function begin(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'lockstep-tail-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'lines');
  const tail = createTail(path);
  const read = async (): Promise<{ lines: string[]; isSame: boolean }> => {
    const lines: string[] = [];
    const isSame = await tail.read((line) => lines.push(line));
    return { lines, isSame };
  };
  return { path, read };
}

test('whole lines are handed over once, as the file grows', async (t) => {
  const { path, read } = await begin(t);
  assert.deepEqual(await read(), { lines: [], isSame: true });
  await writeFile(path, 'one\ntwo\nthr');
  assert.deepEqual((await read()).lines, ['one', 'two']);
  assert.deepEqual((await read()).lines, []);
  await appendFile(path, 'ee\n');
  assert.deepEqual((await read()).lines, ['three']);
});

test('lines longer than a chunk, and letters cut by its edge, arrive whole', async (t) => {
  const { path, read } = await begin(t);
  const long = 'ü'.repeat(200_001);
  await writeFile(path, `a\n${long}\nb\n`);
  assert.deepEqual((await read()).lines, ['a', long, 'b']);
});

test('a file that was cut, or replaced, is told, and read from its start', async (t) => {
  const { path, read } = await begin(t);
  await writeFile(path, 'one\ntwo\nthree\n');
  await read();
  await truncate(path, 4);
  assert.deepEqual(await read(), { lines: [], isSame: false });
  assert.deepEqual(await read(), { lines: ['one'], isSame: true });
  await rm(path);
  await writeFile(`${path}-other`, '');
  await writeFile(path, 'uno\ndos\n');
  assert.deepEqual(await read(), { lines: [], isSame: false });
  assert.deepEqual((await read()).lines, ['uno', 'dos']);
});
