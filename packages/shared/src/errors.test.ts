/** docs/errors.md is the error table, and the codes of the table do not collide. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { errorTable, isErrorCode, LockstepError } from './errors.ts';

const document = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');

test('docs/errors.md lists exactly the codes of the table, with their meanings, in order', () => {
  const rows = document.split('\n').filter((line) => /^\| \d+ \| `/.test(line));
  assert.deepEqual(
    rows,
    Object.entries(errorTable).map(([name, { exitCode, meaning }]) => `| ${exitCode} | \`${name}\` | ${meaning} |`),
  );
});

test('exit codes are distinct, and are neither success, nor a bug in Lockstep, nor what shells mean by 126 and above', () => {
  const codes = Object.values(errorTable).map(({ exitCode }) => exitCode);
  assert.equal(new Set(codes).size, codes.length);
  for (const code of codes) assert.ok(code > 1 && code < 126, String(code));
});

test('an error carries its exit code, and only names of the table are codes', () => {
  assert.equal(new LockstepError('diverged', 'The loss is NaN.').exitCode, 19);
  assert.ok(isErrorCode('usage'));
  for (const name of ['toString', '__proto__', 'Usage', '']) assert.equal(isErrorCode(name), false, name);
});
