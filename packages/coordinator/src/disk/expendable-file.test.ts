import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock, type Clock } from '@lockstep/shared';
import { createExpendableFile } from './expendable-file.ts';
import { scratchDirectory, smallDisk } from './testing.ts';

const nothing = (): Uint8Array => new Uint8Array(0);
const noLoss = (reason: string): void => assert.fail(reason);

test('bytes are written in order, in directories that are made, and close writes what waits', async (t) => {
  const path = join(scratchDirectory(t), 'a/b/file');
  const file = createExpendableFile(path, { clock: systemClock, beginning: nothing, lost: noLoss });
  const parts = Array.from({ length: 2000 }, (_, index) => `${index},`.repeat(100));
  for (const [index, part] of parts.entries()) {
    file.append(Buffer.from(part));
    if (index % 500 === 0) await new Promise(setImmediate);
  }
  await file.close();
  file.append(Buffer.from('too late'));
  await file.close();
  assert.equal(readFileSync(path, 'utf8'), parts.join(''));
});

test('what is appended reaches the disk after a second, without a close', async (t) => {
  const path = join(scratchDirectory(t), 'file');
  const timers: { delayMs: number; callback: () => void }[] = [];
  const clock: Clock = {
    nowMs: () => 0,
    after(delayMs, callback) {
      timers.push({ delayMs, callback });
      return { cancel: () => {} };
    },
  };
  const file = createExpendableFile(path, { clock, beginning: () => Buffer.from('begin '), lost: noLoss });
  file.append(Buffer.from('one '));
  file.append(Buffer.from('two'));
  assert.deepEqual(
    timers.map(({ delayMs }) => delayMs),
    [1000],
  );
  timers[0]!.callback();
  await file.close();
  assert.equal(readFileSync(path, 'utf8'), 'begin one two');
});

test('a disk that has no room costs bytes and one sentence, and what comes later is whole', async (t) => {
  const disk = smallDisk(t, 64);
  if (disk === undefined) return;
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, Buffer.alloc(48 * 1024));
  const told: string[] = [];
  const file = createExpendableFile(join(disk, 'file'), {
    clock: systemClock,
    beginning: () => Buffer.from('begin '),
    lost: (reason) => told.push(reason),
  });
  // More than there is room for, and as many bytes as are written at once.
  file.append(Buffer.alloc(256 * 1024, 'x'));
  while (told.length === 0) await new Promise(setImmediate);
  rmSync(ballast);
  file.append(Buffer.from('whole'));
  await file.close();
  assert.equal(told.length, 1);
  assert.match(told[0]!, /ENOSPC/);
  assert.equal(readFileSync(join(disk, 'file'), 'utf8'), 'begin whole');
});

test('a disk that does not answer costs no more memory than is allowed', async (t) => {
  const told: string[] = [];
  const path = join(scratchDirectory(t), 'file');
  const file = createExpendableFile(path, {
    clock: systemClock,
    beginning: nothing,
    lost: (reason) => told.push(reason),
    maximumWaitingBytes: 1000,
  });
  for (let index = 0; index < 100; index += 1) file.append(Buffer.alloc(100, 'x'));
  await file.close();
  assert.equal(readFileSync(path).length, 1000);
  assert.deepEqual(told, ['the disk is too slow']);
});
