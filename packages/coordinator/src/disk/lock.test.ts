import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LockstepError } from '@lockstep/shared';
import { scratchDirectory } from './testing.ts';
import { acquireLock, lockFile } from './lock.ts';

const inUseBy =
  (owner: string, what = '') =>
  (error: unknown) =>
    error instanceof LockstepError && error.code === 'address-in-use' && error.message.includes(`${what} is in use by ${owner}: stop it`);
const lockModule = JSON.stringify(fileURLToPath(new URL('./lock.ts', import.meta.url)));
const linuxOnly = { skip: process.platform === 'linux' ? false : 'only Linux has abstract sockets' };

/** A process that runs `code` (after which it holds a lock), says so, and stays until it is killed. */
async function holder(t: TestContext, code: string): Promise<ChildProcess & { readonly pid: number }> {
  const program = `import { acquireLock, lockFile } from ${lockModule}; ${code}; console.log('held'); setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', '--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child as typeof child & { readonly pid: number };
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

describe('a lock', () => {
  test('has one holder, and is free after it is released', async (t) => {
    const directory = scratchDirectory(t);
    const lock = await acquireLock('run-directory', directory);
    await assert.rejects(acquireLock('run-directory', directory), inUseBy(`process ${process.pid}`, `run directory ${directory}`));
    await lock.release();
    await (await acquireLock('run-directory', directory)).release();
  });

  test('names the process that holds it, stays while that is stopped, and is free at once when it is killed', async (t) => {
    const directory = scratchDirectory(t);
    const code = `await acquireLock('run-directory', ${JSON.stringify(directory)})`;
    const child = await holder(t, code);
    await assert.rejects(acquireLock('run-directory', directory), inUseBy(`process ${child.pid}`));
    // It cannot answer now, but still holds the lock.
    child.kill('SIGSTOP');
    await assert.rejects(acquireLock('run-directory', directory), inUseBy('another process'));
    await kill(child);
    await (await acquireLock('run-directory', directory)).release();
    assert.deepEqual(readdirSync(directory), []);
  });

  test('is not kept by children of a killed holder', async (t) => {
    const directory = scratchDirectory(t);
    const pidFile = join(scratchDirectory(t), 'pid');
    const child = await holder(
      t,
      `await acquireLock('run-directory', ${JSON.stringify(directory)});
       const { spawn } = await import('node:child_process');
       const { writeFileSync } = await import('node:fs');
       const grandchild = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { detached: true, stdio: 'ignore' });
       writeFileSync(${JSON.stringify(pidFile)}, String(grandchild.pid))`,
    );
    const grandchild = Number(readFileSync(pidFile, 'utf8'));
    t.after(() => process.kill(grandchild, 'SIGKILL'));
    await kill(child);
    await (await acquireLock('run-directory', directory)).release();
    assert.ok(process.kill(grandchild, 0));
  });

  test('does not keep its process alive', async (t) => {
    const child = spawn(
      process.execPath,
      [
        '--conditions=source',
        '--import',
        'tsx',
        '--input-type=module',
        '--eval',
        `import { acquireLock } from ${lockModule}; await acquireLock('endpoint', 'tcp://127.0.0.1:${process.pid}');`,
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    t.after(() => child.kill('SIGKILL'));
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });
});

describe('what is locked', () => {
  test('is the directory, however its path is written, even before it exists', async (t) => {
    const parent = scratchDirectory(t);
    symlinkSync(parent, join(parent, 'link'));
    const lock = await acquireLock('run-directory', join(parent, 'runs', 'one'));
    const refused = inUseBy(`process ${process.pid}`);
    await assert.rejects(acquireLock('run-directory', join(parent, 'link', 'runs', 'two', '..', 'one')), refused);
    mkdirSync(join(parent, 'runs', 'one'), { recursive: true });
    await assert.rejects(acquireLock('run-directory', join(parent, 'link', 'runs', 'one')), refused);
    await (await acquireLock('run-directory', join(parent, 'runs', 'two'))).release();
    await lock.release();
  });

  test('is an endpoint: an ipc path however it is written, a tcp address as written', async (t) => {
    const directory = scratchDirectory(t);
    const locks = [
      await acquireLock('endpoint', `ipc://${directory}/x.sock`),
      await acquireLock('endpoint', `ipc://@${directory}`),
      await acquireLock('endpoint', `tcp://127.0.0.1:${process.pid}`),
      await acquireLock('run-directory', `${directory}/x.sock`),
    ];
    await assert.rejects(
      acquireLock('endpoint', `ipc://${directory}/../${directory.split('/').at(-1)}/x.sock`),
      inUseBy(`process ${process.pid}`),
    );
    await assert.rejects(acquireLock('endpoint', `ipc://@${directory}`), /choose another --bind/);
    await assert.rejects(acquireLock('endpoint', `tcp://127.0.0.1:${process.pid}`), /choose another --bind/);
    for (const lock of locks) await lock.release();
  });

  test('is nothing if the system chooses the address', async () => {
    for (const endpoint of ['tcp://127.0.0.1:0', 'tcp://*:*', 'ipc://*']) {
      const locks = [await acquireLock('endpoint', endpoint), await acquireLock('endpoint', endpoint)];
      for (const lock of locks) await lock.release();
    }
  });
});

describe('a stranger who connects', linuxOnly, () => {
  /** The abstract address of the lock on a directory, found by asking every lock on this machine. */
  async function addressOfLock(directory: string): Promise<string> {
    for (const [name] of readFileSync('/proc/net/unix', 'utf8').matchAll(/@lockstep-[0-9a-f]{64}-+(?=\n)/g)) {
      assert.equal(name.length, 108, 'all of an address: shorter ones differ between versions of Node');
      const address = `\0${name.slice(1)}`;
      if ((await textFrom(address)).includes(`"what":"run directory ${directory}"`)) return address;
    }
    throw new Error('no lock found');
  }

  async function textFrom(address: string): Promise<string> {
    let text = '';
    const connection = connect(address);
    connection.on('error', () => {});
    connection.on('data', (data: Buffer) => (text += data.toString()));
    await once(connection, 'close');
    return text;
  }

  test('is answered and disconnected, and does not affect the holder', async (t) => {
    const directory = scratchDirectory(t);
    const child = await holder(t, `await acquireLock('run-directory', ${JSON.stringify(directory)})`);
    const address = await addressOfLock(directory);
    const strangers = Array.from({ length: 49 }, () => connect(address));
    for (const [index, stranger] of strangers.entries()) {
      stranger.on('error', () => {});
      if (index % 3 === 0) stranger.write(Buffer.alloc(1_000_000));
      if (index % 3 === 1) stranger.destroy();
    }
    assert.deepEqual(JSON.parse(await textFrom(address)), { pid: child.pid, host: hostname(), what: `run directory ${directory}` });
    assert.equal(child.exitCode, null);
    await assert.rejects(acquireLock('run-directory', directory), inUseBy(`process ${child.pid}`));
    await kill(child);
    for (const stranger of strangers) stranger.destroy();
    await (await acquireLock('run-directory', directory)).release();
  });

  test('who has taken the name and answers nonsense counts as a holder', async (t) => {
    const directory = scratchDirectory(t);
    const lock = await acquireLock('run-directory', directory);
    const address = await addressOfLock(directory);
    await lock.release();
    for (const nonsense of ['', '\n', '{"pid":"1"}\n', 'x'.repeat(100_000)]) {
      const squatter = createServer((connection) => connection.on('error', () => {}).end(nonsense));
      squatter.listen(address);
      await once(squatter, 'listening');
      await assert.rejects(acquireLock('run-directory', directory), inUseBy('another process'));
      squatter.close();
      await once(squatter, 'close');
    }
  });
});

describe('a lock by a socket file', () => {
  test('has one holder, and leaves no file after its release', async (t) => {
    const path = join(scratchDirectory(t), 's');
    const lock = await lockFile(path, 'endpoint x');
    await assert.rejects(lockFile(path, 'endpoint x'), inUseBy(`process ${process.pid}`, 'endpoint x'));
    await lock.release();
    assert.equal(existsSync(path), false);
  });

  test('is taken over from a killed process', async (t) => {
    const path = join(scratchDirectory(t), 's');
    const child = await holder(t, `await lockFile(${JSON.stringify(path)}, 'x')`);
    await assert.rejects(lockFile(path, 'x'), inUseBy(`process ${child.pid}`));
    await kill(child);
    assert.equal(existsSync(path), true);
    const lock = await lockFile(path, 'x');
    assert.deepEqual(readdirSync(join(path, '..')), ['s']);
    await assert.rejects(lockFile(path, 'x'), inUseBy(`process ${process.pid}`));
    await lock.release();
  });

  test('that is stale goes to only one of many who ask at once', async (t) => {
    const path = join(scratchDirectory(t), 's');
    // A socket file that its server does not find when it closes stays behind, as after kill -9.
    const lock = await lockFile(`${path}-before`, 'x');
    renameSync(`${path}-before`, path);
    await lock.release();
    const taken = (await Promise.allSettled(Array.from({ length: 5 }, () => lockFile(path, 'x')))).filter(
      ({ status }) => status === 'fulfilled',
    );
    assert.equal(taken.length, 1);
  });

  test('that cannot be created is an error with the path', async (t) => {
    const file = join(scratchDirectory(t), 'file');
    writeFileSync(file, '');
    await assert.rejects(
      lockFile(join(file, 's'), 'endpoint x'),
      (error) => error instanceof LockstepError && /Cannot lock endpoint x/.test(error.message),
    );
  });
});
