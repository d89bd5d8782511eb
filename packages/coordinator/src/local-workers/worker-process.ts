/**
 * One life of one local worker: a process of its own, and how it ended.
 *
 * Each worker has its own process group, so that Ctrl-C reaches the coordinator alone, which then tells the workers; and an IPC channel,
 * which the kernel closes however the coordinator ends, kill -9 included: the worker ends when it closes. One that cannot hear it, since it
 * is stopped, is killed by the kernel where there is a launcher (`launcher.ts`).
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { type Failure, failureOf, internalErrorExitCode } from '@lockstep/shared';
import { boundLog } from './bound-log.ts';
import type { LocalWorker } from './plan.ts';
import { workerFile } from './worker-package.ts';

export interface End {
  readonly code: number | null;
  /** For a sentence: 'SIGKILL', 'exit code 5'. */
  readonly how: string;
  /** The error that the worker reported before it ended, if it did. */
  readonly failure: Failure | undefined;
}

export interface WorkerProcess {
  /** Undefined if it could not be started. */
  readonly pid: number | undefined;
  /** The whole process group: a worker's own children, if a library started any, go too. */
  kill(): void;
  readonly exited: Promise<void>;
}

const program = workerFile('bin', 'worker.js');
const boundLogEveryMs = 10_000;

export function startWorkerProcess(
  { name, args, environment, core }: LocalWorker,
  launcher: readonly string[],
  logPath: string,
  say: (sentence: string) => void,
  ended: (end: End) => void,
): WorkerProcess {
  const log = openLog(name, logPath, say);
  // Each replaces itself by its command: the child is the worker all the same.
  const bound = core === undefined ? [] : ['taskset', '-c', String(core)];
  const [command, ...rest] = [...launcher, ...bound, process.execPath, program, '--name', name, ...args] as [string, ...string[]];
  const child = spawn(command, rest, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', log, log, 'ipc'],
    detached: true,
  });
  if (log !== 'ignore') closeSync(log);
  let failure: Failure | undefined;
  child.on('message', (message) => (failure = failureOf(message) ?? failure));
  const exited = new Promise<void>((resolve) => {
    // A log that is gone, or cannot be cut, is left as it is.
    const bounding = setInterval(() => void boundLog(logPath).catch(() => {}), boundLogEveryMs).unref();
    const end = (code: number | null, how: string): void => {
      clearInterval(bounding);
      resolve();
      ended({ code, how, failure });
    };
    // 'exit' does not follow when the process could not be started at all.
    child.once('error', (error) => end(internalErrorExitCode, error.message));
    child.once('exit', (code, signal) => end(code, signal ?? `exit code ${code}`));
  });
  return { pid: child.pid, kill: () => killGroup(child.pid), exited };
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

/** A log that cannot be opened, on a full disk for example, must not cost the worker. */
function openLog(name: string, path: string, say: (sentence: string) => void): number | 'ignore' {
  try {
    return openSync(path, 'a');
  } catch (error) {
    say(`The log of ${name} is lost: ${(error as Error).message}.`);
    return 'ignore';
  }
}
