import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratchDirectory } from '../disk/testing.ts';
import { createLogFile } from './log-file.ts';

/** Without the line that says when the file was opened. */
const linesOf = (path: string): string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('# '));

test('lines from before it was opened come first, and a later process appends to those of an earlier one', (t) => {
  const path = join(scratchDirectory(t), 'coordinator.log');
  for (const life of ['first', 'second']) {
    const log = createLogFile();
    log.write(`${life} early\n`);
    log.openAt(path);
    log.write(`${life} late\n`);
  }
  assert.deepEqual(linesOf(path), ['first early', 'first late', 'second early', 'second late', '']);
  assert.equal(readFileSync(path, 'utf8').match(/^# \d{4}-\d\d-\d\dT\S+ coordinator \S+, process \d+$/gm)!.length, 2);
});

test('the number of lines that wait for the file is bounded', (t) => {
  const path = join(scratchDirectory(t), 'coordinator.log');
  const log = createLogFile();
  for (let line = 0; line < 10_000; line += 1) log.write(`${line}\n`);
  log.openAt(path);
  assert.equal(linesOf(path).length - 1, 100);
});

test('two files of bounded size hold the newest lines, even when the file of an earlier process is longer', (t) => {
  const path = join(scratchDirectory(t), 'coordinator.log');
  writeFileSync(path, `${'x'.repeat(5000)}\n`);
  const log = createLogFile(1000);
  log.openAt(path);
  assert.equal(readFileSync(`${path}.1`, 'utf8').length, 5001);
  const written = Array.from({ length: 1000 }, (_, index) => `line ${index}`);
  for (const line of written) log.write(`${line}\n`);
  for (const each of [path, `${path}.1`]) assert.ok(readFileSync(each).length <= 1000);
  const kept = [...linesOf(`${path}.1`).slice(0, -1), ...linesOf(path).slice(0, -1)];
  assert.ok(kept.length > 100);
  assert.deepEqual(kept, written.slice(-kept.length));
});

test('lines are lost while it cannot be written, and their number is reported once it can be', (t) => {
  const path = join(scratchDirectory(t), 'coordinator.log');
  mkdirSync(path);
  const log = createLogFile();
  log.openAt(path);
  log.write('lost\n');
  rmdirSync(path);
  log.write('there\n');
  assert.deepEqual(linesOf(path), ['', '(2 lines are missing here: they could not be written.)', 'there', '']);
});
