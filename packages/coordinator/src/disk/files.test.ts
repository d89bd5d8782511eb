import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename, join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { LockstepError } from '@lockstep/shared';
import { scratchDirectory } from './testing.ts';
import { diskError, removeDirectory, sweepTemporaries, writeDirectoryAtomically, writeFileAtomically } from './files.ts';

/** Records, in order, what is synced and renamed. `fail` makes the first call of that kind fail with EIO. */
function record(t: TestContext, fail?: 'sync' | 'rename'): string[] {
  const calls: string[] = [];
  const note = (kind: string, what: string): void => {
    calls.push(`${kind} ${what}`);
    if (kind === fail && calls.filter((call) => call.startsWith(kind)).length === 1) {
      throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO', errno: -5 });
    }
  };
  const { open, rename } = fs;
  t.mock.method(fs, 'open', async (path: string, flags: string) => {
    const handle = await open(path, flags);
    const sync = handle.sync.bind(handle);
    handle.sync = () => {
      note('sync', basename(path));
      return sync();
    };
    return handle;
  });
  t.mock.method(fs, 'rename', async (from: string, to: string) => {
    note('rename', `${basename(from)} ${basename(to)}`);
    await rename(from, to);
  });
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  return calls;
}

describe('what survives power loss', () => {
  test('a file is synced, then renamed, then its directory is synced', async (t) => {
    const directory = scratchDirectory(t);
    const calls = record(t);
    await writeFileAtomically(join(directory, 'config.json'), '{}');
    assert.deepEqual(calls, ['sync .tmp-config.json', 'rename .tmp-config.json config.json', `sync ${basename(directory)}`]);
    assert.deepEqual(readdirSync(directory), ['config.json']);
  });

  test('a directory and every file in it are synced before the rename, and the parent after it', async (t) => {
    const parent = scratchDirectory(t);
    const files = new Map([
      ['a', Buffer.from('1')],
      ['b', Buffer.from('2')],
    ]);
    await writeDirectoryAtomically(join(parent, 'x'), new Map([['old', Buffer.from('0')]]));
    const calls = record(t);
    await writeDirectoryAtomically(join(parent, 'x'), files);
    assert.deepEqual(calls, ['sync a', 'sync b', 'sync .tmp-x', 'rename x .tmp-replaced-x', 'rename .tmp-x x', `sync ${basename(parent)}`]);
    assert.deepEqual(readdirSync(parent), ['x']);
    assert.deepEqual(readdirSync(join(parent, 'x')), ['a', 'b']);
  });

  test('a directory is renamed before any of it is deleted', async (t) => {
    const parent = scratchDirectory(t);
    mkdirSync(join(parent, 'x'));
    const calls = record(t);
    await removeDirectory(join(parent, 'x'));
    await removeDirectory(join(parent, 'never-there'));
    assert.deepEqual(calls.slice(0, 2), ['rename x .tmp-removed-x', `sync ${basename(parent)}`]);
    assert.deepEqual(readdirSync(parent), []);
  });
});

describe('a failure half-way', () => {
  for (const kind of ['sync', 'rename'] as const) {
    test(`in ${kind} leaves the old file and nothing else`, async (t) => {
      const path = join(scratchDirectory(t), 'config.json');
      writeFileSync(path, 'old');
      record(t, kind);
      await assert.rejects(writeFileAtomically(path, 'new'), (error) => error instanceof LockstepError && error.code === 'disk');
      assert.equal(readFileSync(path, 'utf8'), 'old');
      assert.deepEqual(readdirSync(join(path, '..')), ['config.json']);
    });

    test(`in ${kind} leaves the old directory and nothing else`, async (t) => {
      const parent = scratchDirectory(t);
      const path = join(parent, 'x');
      await writeDirectoryAtomically(path, new Map([['old', Buffer.from('0')]]));
      record(t, kind);
      await assert.rejects(writeDirectoryAtomically(path, new Map([['new', Buffer.from('1')]])), /input\/output error \(EIO\)/);
      assert.deepEqual(readdirSync(parent), ['x']);
      assert.deepEqual(readdirSync(path), ['old']);
    });
  }

  test('between moving the old directory aside and the new one in place restores the old one', async (t) => {
    const parent = scratchDirectory(t);
    const path = join(parent, 'x');
    await writeDirectoryAtomically(path, new Map([['old', Buffer.from('0')]]));
    const { rename } = fs;
    t.mock.method(fs, 'rename', async (from: string, to: string) => {
      if (basename(from) === '.tmp-x') throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO', errno: -5 });
      await rename(from, to);
    });
    syncBuiltinESMExports();
    t.after(() => (t.mock.restoreAll(), syncBuiltinESMExports()));
    await assert.rejects(writeDirectoryAtomically(path, new Map([['new', Buffer.from('1')]])), /EIO/);
    assert.deepEqual(readdirSync(parent), ['x']);
    assert.deepEqual(readdirSync(path), ['old']);
  });
});

test('sweeping removes only temporary files, and moves back what was set aside', async (t) => {
  const directory = scratchDirectory(t);
  for (const name of ['.tmp-a', '.tmp-removed-b', '.tmp-replaced-c', '.tmp-replaced-d', 'd', '.hidden']) mkdirSync(join(directory, name));
  writeFileSync(join(directory, '.tmp-e'), '');
  await sweepTemporaries(directory);
  assert.deepEqual(readdirSync(directory), ['.hidden', 'c', 'd']);
});

test('errors of the operating system become sentences with the path and what to do; others pass unchanged', () => {
  for (const code of ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EIO', 'EMFILE', 'ENFILE', 'ENOTDIR', 'EEXIST', 'ENOENT', 'ELOOP']) {
    const error = diskError(Object.assign(new Error(code), { code, errno: -1 }), '/runs/one');
    assert.ok(error instanceof LockstepError);
    assert.equal(error.code, 'disk');
    assert.match(error.message, new RegExp(`^Cannot (write|use|open) /runs/one: .*${code}.*\\. [A-Z].*\\.$`));
  }
  const bug = new TypeError('undefined is not a function');
  assert.equal(diskError(bug, '/runs/one'), bug);
});
