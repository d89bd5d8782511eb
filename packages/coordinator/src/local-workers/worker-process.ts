/**
 * One life of one local worker: a process of its own, and how it ended.
 *
 * Each worker has its own process group, so that Ctrl-C reaches the coordinator alone, which then tells the workers; and an IPC channel,
 * which the kernel closes however the coordinator ends, kill -9 included: the worker ends when it closes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { type Failure, failureOf, internalErrorExitCode } from '@lockstep/shared';
import type { LocalWorker } from './plan.ts';
import { workerFile } from './worker-package.ts';

export interface End {
  readonly code: number | null;
  /** For a sentence: 'SIGKILL', 'exit code 5'. */
  readonly how: string;
  /** The error that the worker reported before it ended, if it did. */
  readonly failure: Failure | undefined;
  readonly livedMs: number;
}

const program = workerFile('bin', 'worker.js');

export function startWorkerProcess(
  { name, args, environment, core }: LocalWorker,
  logPath: string,
  say: (sentence: string) => void,
  ended: (end: End) => void,
): ChildProcess {
  const log = openLog(name, logPath, say);
  const startedMs = performance.now();
  // taskset replaces itself with its command, so the child process is the worker.
  const [command, ...before] = core === undefined ? [process.execPath] : ['taskset', '-c', String(core), process.execPath];
  const child = spawn(command, [...before, program, '--name', name, ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', log, log, 'ipc'],
    detached: true,
  });
  if (log !== 'ignore') closeSync(log);
  let failure: Failure | undefined;
  child.on('message', (message) => (failure = failureOf(message) ?? failure));
  const end = (code: number | null, how: string): void => ended({ code, how, failure, livedMs: performance.now() - startedMs });
  // 'exit' does not follow when the process could not be started at all.
  child.once('error', (error) => end(internalErrorExitCode, error.message));
  child.once('exit', (code, signal) => end(code, signal ?? `exit code ${code}`));
  return child;
}

/** Ends the whole process group: the children that a library may have started, too. */
export function killProcess(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

export function hasExited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

/** A log that cannot be opened, on a full disk for example, must not stop the worker. */
function openLog(name: string, path: string, say: (sentence: string) => void): number | 'ignore' {
  try {
    return openSync(path, 'a');
  } catch (error) {
    say(`The log of ${name} is lost: ${(error as Error).message}.`);
    return 'ignore';
  }
}
