/**
 * What a run uses on this machine, seen from outside: processes, ports and files. For tests that nothing is left behind.
 *
 * Not responsible for: starting or ending anything (`harness.ts`).
 */
import assert from 'node:assert/strict';
import { access, mkdir, readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import type { Run } from './harness.ts';

/** Processes are found in /proc. */
export const needsProc = process.platform === 'linux' ? false : 'needs /proc';

const patienceMs = 60_000;
const pollMs = 20;

/** Waits for a condition that belongs to no particular program. */
export async function until<T>(what: string, probe: () => Promise<T | undefined | null | false>): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== null && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`Timed out waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Command lines of live processes, this one aside, that hold one of the words. */
export async function processesNaming(words: readonly string[]): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const commands = await Promise.all(
    pids.map(async (pid) => (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ')),
  );
  return commands.filter((command) => words.some((word) => command.includes(word)));
}

/** 'R', 'S', 'T' (stopped), 'Z' ...; undefined once it is gone. */
export async function processState(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return /\) (\S)/.exec(text)?.[1];
}

/** Stops a process, and waits until all of its threads have stopped. */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await until(`a stopped process ${pid}`, async () => {
    const threads = await readdir(`/proc/${pid}/task`);
    const states = await Promise.all(threads.map((thread) => processState(Number(thread))));
    return states.every((state) => state === 'T' || state === undefined);
  });
}

/** Does nothing if the process is gone. */
export function thaw(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // Gone.
  }
}

/** The newest process of a worker. */
export async function workerPid(run: Run, name: string): Promise<number | undefined> {
  const joined = (await run.events()).findLast((line) => line['event'] === 'worker-joined' && line['worker'] === name);
  return joined?.['pid'] as number | undefined;
}

/** A port that was free a moment ago, for programs that must find each other again after a restart. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function isPortFree(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

export async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/** A temporary directory for a run's own processes beside its run directory, so that whatever they leave in it is theirs. */
export async function privateTemporary(runDirectory: string): Promise<string> {
  const path = join(dirname(runDirectory), 'private-tmp');
  await mkdir(path);
  return path;
}

export interface Traces {
  readonly directory: string;
  readonly endpoint: string;
  readonly metricsUrl: string;
  readonly temporary: string;
}

/** What to look for once the run has ended; asked for while it listens. */
export async function tracesOf(run: Run, temporary: string): Promise<Traces> {
  return { directory: run.directory, endpoint: await run.endpoint(), metricsUrl: await run.metricsUrl(), temporary };
}

/** No process, no port, no socket file, no temporary file, no shared memory. Processes get time to end by themselves. */
export async function assertNothingLeft({ directory, endpoint, metricsUrl, temporary }: Traces): Promise<void> {
  let left: string[] = [];
  await until('the end of every process of the run', async () => (left = await processesNaming([directory, endpoint])).length === 0).catch(
    () => {
      assert.deepEqual(left, [], 'processes left');
    },
  );
  for (const address of [endpoint, metricsUrl].filter((each) => !each.startsWith('ipc:'))) {
    assert.ok(await isPortFree(Number(new URL(address).port)), `${address} is still taken`);
  }
  if (endpoint.startsWith('ipc://')) assert.equal(await exists(endpoint.slice('ipc://'.length)), false, 'the socket file is left');
  assert.deepEqual(await readdir(temporary), [], 'files left in the temporary directory');
  // Shared memory has a name only for a moment, and another test's run may just be in that moment.
  await until(
    'a /dev/shm without files of Lockstep',
    async () => !(await readdir('/dev/shm').catch(() => [] as string[])).some((name) => name.startsWith('lockstep')),
  );
}

/** Names of unfinished files in a run directory. */
export async function unfinishedIn(directory: string): Promise<string[]> {
  return (await readdir(directory, { recursive: true })).filter((path) => basename(path).startsWith('.tmp-'));
}
