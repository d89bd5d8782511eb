/**
 * One coordinator for one run directory and one endpoint: a second bind on one ipc path *succeeds* and leaves the first one deaf.
 *
 * A lock is a listening socket, so that the kernel frees it with the process, kill -9 included. On Linux it has an abstract name (no file at
 * all); elsewhere it is a socket file in the temporary directory, and a file without a listener is taken over. Whoever connects is told
 * who holds it. Processes on other hosts, or in other network namespaces (containers), are not noticed.
 */
import { mkdir, realpath, rm, rmdir, stat } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { LockstepError, sha256 } from '@lockstep/shared';
import { z } from 'zod';
import { onDisk, systemErrorCode } from './files.ts';

const words = { 'run-directory': 'run directory', endpoint: 'endpoint' } as const;
export type LockKind = keyof typeof words;

export interface Lock {
  release(): Promise<void>;
}

const holderSchema = z.object({ pid: z.int().min(1), host: z.string().max(256), what: z.string() });
/** Who holds a lock, in the holder's own words. */
export type Holder = z.infer<typeof holderSchema>;

/** How long to wait for a holder to say who it is; a process that is stopped or busy still holds its lock. */
const answerTimeoutMs = 1000;
const maximumAnswerBytes = 8192;
/** Removing a stale socket file takes milliseconds. */
const maximumTakeoverMs = 5000;

/** Bytes of an abstract address. Node 20 pads shorter ones with NUL and Node 22 does not: only at full length do both mean the same lock. */
const abstractAddressBytes = 108;

/**
 * Takes the lock on a directory or an endpoint (`tcp://...`, `ipc://...`), which need not exist yet. Throws `address-in-use`, naming the
 * process that holds it. An endpoint that leaves the choice to the system (`tcp://*:0`) needs no lock, and gets none.
 */
export async function acquireLock(kind: LockKind, key: string): Promise<Lock> {
  const identity = kind === 'endpoint' ? await canonicalEndpoint(key) : await canonicalPath(key);
  if (identity === undefined) return { release: async () => {} };
  const hash = sha256(`${kind}\0${identity}`);
  const what = `${words[kind]} ${key}`;
  if (process.platform !== 'linux') return await lockFile(join(tmpdir(), `lockstep-${hash.slice(0, 32)}.sock`), what);
  return await lockAbstract(`\0lockstep-${hash}`.padEnd(abstractAddressBytes, '-'), what);
}

async function lockAbstract(address: string, what: string): Promise<Lock> {
  const server = await listen(address, what);
  if (server === undefined) throw inUse(what, await askHolder(address));
  return lockOf(server);
}

/** The same with a socket file. Exported for its test, which runs on Linux too. */
export async function lockFile(path: string, what: string): Promise<Lock> {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const server = await listen(path, what);
    if (server !== undefined) return lockOf(server);
    if (await isAlive(path)) throw inUse(what, await askHolder(path));
    await removeStale(path);
  }
  throw inUse(what, undefined);
}

/** Undefined if another process listens there. The server does not keep this process alive. */
async function listen(address: string, what: string): Promise<Server | undefined> {
  const holder: Holder = { pid: process.pid, host: hostname(), what: what.slice(0, 1000) };
  const answer = `${JSON.stringify(holder)}\n`;
  const server = createServer((connection) => {
    // Whatever the other side does here (hangs up, sends, stays) must not matter.
    connection.on('error', () => {});
    connection.unref();
    connection.end(answer, () => connection.destroy());
  });
  server.unref();
  return await new Promise((done, fail) => {
    server.once('error', (error) => {
      if (systemErrorCode(error) === 'EADDRINUSE') done(undefined);
      else fail(new LockstepError('disk', `Cannot lock ${what}: ${error.message}.`, { cause: error }));
    });
    server.listen(address, () => {
      // Later errors of single connections (too many open files) must not end this process.
      server.on('error', () => {});
      done(server);
    });
  });
}

function lockOf(server: Server): Lock {
  return {
    release: () =>
      new Promise((done) => {
        server.close(() => done());
      }),
  };
}

/** Undefined if it does not answer in time, or not in the expected form. */
async function askHolder(address: string): Promise<Holder | undefined> {
  const text = await new Promise<string>((done) => {
    let received = '';
    const connection = connect(address);
    const finish = (): void => {
      clearTimeout(timer);
      connection.destroy();
      done(received);
    };
    const timer = setTimeout(finish, answerTimeoutMs);
    connection.setEncoding('utf8');
    connection.on('data', (piece: string) => {
      received += piece;
      if (received.includes('\n') || received.length > maximumAnswerBytes) finish();
    });
    connection.on('error', finish);
    connection.on('close', finish);
  });
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

async function isAlive(path: string): Promise<boolean> {
  return await new Promise((done) => {
    const connection = connect(path);
    connection.once('connect', () => (connection.destroy(), done(true)));
    connection.once('error', (error) => done(!['ECONNREFUSED', 'ENOENT'].includes(systemErrorCode(error) ?? '')));
  });
}

/**
 * Several processes may find the same stale file at once, and none may remove the socket that another has just put in its place: only the
 * process that made the guard directory removes the file, after checking again. The others return, and check again too.
 */
async function removeStale(path: string): Promise<void> {
  const guard = `${path}.takeover`;
  await onDisk(guard, async () => {
    try {
      await mkdir(guard);
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
      const age = await stat(guard).then(
        ({ mtimeMs }) => Date.now() - mtimeMs,
        () => 0,
      );
      // The process that made it was killed before it could remove it.
      if (age > maximumTakeoverMs) await rmdir(guard).catch(() => {});
      return;
    }
    try {
      if (!(await isAlive(path))) await rm(path, { force: true });
    } finally {
      await rmdir(guard);
    }
  });
}

function inUse(what: string, holder: Holder | undefined): LockstepError {
  const owner = holder === undefined ? 'another process' : `process ${holder.pid}`;
  const advice = what.startsWith(words.endpoint) ? 'choose another --bind' : 'choose another --run-dir';
  return new LockstepError('address-in-use', `The ${what} is in use by ${owner}: stop it, or ${advice}.`);
}

/** One name for one directory or file, however its path is written; links are resolved as far as the path exists. */
async function canonicalPath(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT' || dirname(absolute) === absolute) return absolute;
    return join(await canonicalPath(dirname(absolute)), basename(absolute));
  }
}

/** Undefined for an endpoint that the system chooses: no two processes can get the same one. */
async function canonicalEndpoint(endpoint: string): Promise<string | undefined> {
  if (/^ipc:\/\/\*$|^tcp:.*:(0|\*)$/.test(endpoint)) return undefined;
  const path = /^ipc:\/\/([^@].*)$/.exec(endpoint)?.[1];
  return path === undefined ? endpoint : `ipc://${await canonicalPath(path)}`;
}
