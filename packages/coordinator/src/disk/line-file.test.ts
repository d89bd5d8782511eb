import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LockstepError } from '@lockstep/shared';
import fc from 'fast-check';
import { scratchDirectory, smallDisk } from './testing.ts';
import { cutFile, linesOf, openLineFile, parseLine } from './line-file.ts';
import type { Line } from './line-file.ts';

const noGap = (): void => assert.fail('nothing may be lost');

async function read(path: string): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of linesOf(path)) lines.push(line);
  return lines;
}

describe('reading lines', () => {
  test('gives every line with its end, whatever the text', async (t) => {
    const path = join(scratchDirectory(t), 'x');
    const texts = fc.array(
      fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => text.replaceAll('\n', ' ')),
      { maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(
        texts,
        texts.map((some) => some.join('')),
        async (whole, torn) => {
          writeFileSync(path, whole.map((text) => `${text}\n`).join('') + torn);
          const lines = await read(path);
          assert.deepEqual(
            lines.map(({ text }) => text),
            torn === '' ? whole : [...whole, torn],
          );
          assert.deepEqual(
            lines.map(({ isWhole }) => isWhole),
            [...whole.map(() => true), ...(torn === '' ? [] : [false])],
          );
          for (const { text, end, isWhole } of lines) {
            const bytes = readFileSync(path).subarray(0, end).toString();
            assert.ok(bytes.endsWith(isWhole ? `${text}\n` : text), text);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test('reads lines that cross the boundaries of the pieces it reads', async (t) => {
    const path = join(scratchDirectory(t), 'x');
    const texts = Array.from({ length: 3000 }, (_, index) => `${index} ${'é'.repeat(index % 97)}`);
    writeFileSync(path, texts.map((text) => `${text}\n`).join(''));
    assert.deepEqual(
      (await read(path)).map(({ text }) => text),
      texts,
    );
  });

  test('finds none in a file that does not exist, and refuses a file without line ends', async (t) => {
    const path = join(scratchDirectory(t), 'x');
    assert.deepEqual(await read(path), []);
    writeFileSync(path, Buffer.alloc(2 * 1024 * 1024));
    await assert.rejects(
      read(path),
      (error) => error instanceof LockstepError && /x is damaged: the line at byte 0 has no end/.test(error.message),
    );
  });

  test('parses only objects, and no torn line', () => {
    const line = (text: string, isWhole = true): Line => ({ text, end: 0, isWhole });
    assert.deepEqual(parseLine(line('{"a":1}')), { a: 1 });
    for (const text of ['', '1', 'null', '[1]', '{"a":', '\0\0']) assert.equal(parseLine(line(text)), undefined);
    assert.equal(parseLine(line('{"a":1}', false)), undefined);
  });
});

describe('appending lines', () => {
  test('keeps lines until the buffer is full or flushed', async (t) => {
    const path = join(scratchDirectory(t), 'x');
    const file = await openLineFile(path, { bufferBytes: 10, dropped: noGap });
    file.append('short');
    assert.equal(readFileSync(path, 'utf8'), '');
    await file.flush();
    assert.equal(readFileSync(path, 'utf8'), 'short\n');
    file.append('now it is more than ten bytes');
    while (statSync(path).size === 6) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(readFileSync(path, 'utf8'), 'short\nnow it is more than ten bytes\n');
    await file.close();
  });

  test('writes all lines at once and in order without a buffer', async (t) => {
    const path = join(scratchDirectory(t), 'x');
    const file = await openLineFile(path, { bufferBytes: 0, dropped: noGap });
    const texts: string[] = [];
    for (let index = 0; index < 500; index += 1) {
      texts.push(`é ${index}`);
      file.append(`é ${index}`);
      if (index % 7 === 0) await Promise.resolve();
      if (index % 50 === 0) await file.flush();
    }
    await file.close();
    assert.deepEqual(
      (await read(path)).map(({ text }) => text),
      texts,
    );
  });

  test('lines flushed in any turn of the event loop are on disk', async (t) => {
    const path = join(scratchDirectory(t), 'x');
    const file = await openLineFile(path, { bufferBytes: 1e6, dropped: noGap });
    for (let index = 0; index < 30; index += 1) {
      file.append('a');
      const flushed = file.flush();
      for (let turns = 0; turns < index; turns += 1) await Promise.resolve();
      file.append('b');
      await Promise.all([flushed, file.flush()]);
      assert.equal(statSync(path).size, (index + 1) * 4);
    }
    await file.close();
  });

  test('continues after the whole lines of a crashed process', async (t) => {
    const path = join(scratchDirectory(t), 'x');
    writeFileSync(path, 'one\ntwo\nthr');
    const file = await openLineFile(path, { bufferBytes: 0, dropped: noGap });
    file.append('three');
    await file.close();
    assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\nthree\n');
  });

  test('cuts a file at a byte', async (t) => {
    const path = join(scratchDirectory(t), 'x');
    writeFileSync(path, 'one\ntwo\n');
    await cutFile(path, 4);
    assert.equal(readFileSync(path, 'utf8'), 'one\n');
  });

  test('on a full disk reports it, loses nothing, and continues once there is room', async (t) => {
    const disk = smallDisk(t, 64);
    if (disk === undefined) return;
    const ballast = join(disk, 'ballast');
    writeFileSync(ballast, Buffer.alloc(48 * 1024));
    const path = join(disk, 'x');
    const file = await openLineFile(path, { bufferBytes: 0, dropped: noGap });
    const texts = Array.from({ length: 40 }, (_, index) => `${index} ${'x'.repeat(1000)}`);
    for (const text of texts) file.append(text);
    await assert.rejects(
      file.flush(),
      (error) => error instanceof LockstepError && error.code === 'disk' && /x: the disk is full/.test(error.message),
    );
    rmSync(ballast);
    file.append('last');
    await file.flush();
    await file.close();
    assert.deepEqual(
      (await read(path)).map(({ text }) => text),
      [...texts, 'last'],
    );
  });

  test('that find too many waiting are dropped, and once there is room it goes on and says how many', async (t) => {
    const disk = smallDisk(t, 64);
    if (disk === undefined) return;
    const gaps: number[] = [];
    const file = await openLineFile(join(disk, 'x'), {
      bufferBytes: 1e9,
      dropped(lines) {
        gaps.push(lines);
        file.append(`${lines} lines are missing`);
      },
    });
    for (let index = 0; index < 18; index += 1) file.append('x'.repeat(1024 * 1024));
    await assert.rejects(file.flush(), /x: the disk is full/);
    execFileSync('mount', ['-o', 'remount,size=64m', disk]);
    await file.flush();
    file.append('after it');
    await file.flush();
    await file.close();
    assert.deepEqual(gaps, [2]);
    const lines = readFileSync(join(disk, 'x'), 'utf8').trimEnd().split('\n');
    assert.equal(lines.length, 18);
    assert.deepEqual(lines.slice(-2), ['2 lines are missing', 'after it']);
  });

  test('that find too many waiting try the disk again now and then, without a flush', async (t) => {
    const disk = smallDisk(t, 64);
    if (disk === undefined) return;
    const gaps: number[] = [];
    const file = await openLineFile(join(disk, 'x'), { bufferBytes: 0, dropped: (lines) => gaps.push(lines) });
    for (let index = 0; index < 18; index += 1) file.append('x'.repeat(1024 * 1024));
    await assert.rejects(file.flush(), /x: the disk is full/);
    execFileSync('mount', ['-o', 'remount,size=64m', disk]);
    for (let index = 0; index < 1022; index += 1) file.append('short');
    while (gaps.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(gaps, [1024]);
    await file.close();
  });
});
