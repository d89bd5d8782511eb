import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Log, systemClock } from '@lockstep/shared';
import { scratchDirectory } from '../../disk/testing.ts';
import { createTraceFile } from './trace-file.ts';

test('a trace stops at its bound, and says so once, in the log and in the file', async (t) => {
  const path = join(scratchDirectory(t), 'trace.json');
  const told: string[] = [];
  const log: Log = { debug: assert.fail, info: assert.fail, error: assert.fail, warn: (sentence) => told.push(sentence) };
  const file = createTraceFile(path, { clock: systemClock, log, maximumBytes: 2000 });
  for (let ms = 0; ms < 100; ms += 1) file.span({ process: 1, thread: 1 }, `span ${ms}`, ms, ms + 1, { ms });
  await file.close();
  const content = readFileSync(path, 'utf8');
  assert.ok(content.length < 2300, `${content.length} bytes`);
  const names = (JSON.parse(content) as { name: string }[]).map(({ name }) => name);
  assert.deepEqual([names[0], names[1], names.at(-1)], ['trace-started', 'span 0', 'trace-full']);
  assert.equal(names.filter((name) => name === 'trace-full').length, 1);
  assert.equal(told.length, 1);
  assert.match(told[0]!, /full \(2000 bytes\)/);
});
