import assert from 'node:assert/strict';
import { closeSync, openSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratchDirectory } from '../disk/testing.ts';
import { boundLog } from './bound-log.ts';

const limits = { maximumBytes: 4096, keptBytes: 100 };

test('a log that is too long is cut to a sentence and its last lines, while its worker goes on writing', async (t) => {
  const path = join(scratchDirectory(t), 'local-0.log');
  // As a worker has it (`worker-process.ts`).
  const log = openSync(path, 'a');
  t.after(() => closeSync(log));
  let line = 0;
  const write = (lines: number): void => {
    for (const end = line + lines; line < end; line += 1) writeSync(log, `line ${line}\n`);
  };
  write(100);
  const short = await readFile(path, 'utf8');
  await boundLog(path, limits);
  assert.equal(await readFile(path, 'utf8'), short);

  for (let round = 0; round < 3; round += 1) {
    write(1000);
    await boundLog(path, limits);
    write(2);
    const [sentence, ...lines] = (await readFile(path, 'utf8')).trimEnd().split('\n');
    assert.match(sentence!, /^\(This log had \d+ bytes and was cut at \S+\. Its last lines follow\.\)$/);
    assert.ok(lines.length > 5 && lines.length < 20, `${lines.length} lines`);
    assert.deepEqual(
      lines,
      lines.map((_, index) => `line ${line - lines.length + index}`),
    );
  }
});
