/**
 * Local workers of `--spawn`: starts them, restarts those that crash, and sees them end.
 *
 * Responsible for: processes. Not responsible for: which workers take part (core), or what they compute.
 *
 * Each worker has its own process group, so that Ctrl-C reaches the coordinator alone, which then tells the workers; and an IPC channel,
 * which the kernel closes however the coordinator ends, kill -9 included: the worker ends when it closes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { type ErrorEntry, errorTable, type Failure, failureOf, internalErrorExitCode } from '@lockstep/shared';
import type { LocalWorker } from './plan.ts';
import { workerFile } from './worker-package.ts';

export interface SpawnOptions {
  readonly workers: readonly LocalWorker[];
  /** Where `<name>.log` files go; created before. */
  readonly logDirectory: string;
  readonly say: (sentence: string) => void;
  /** Every slot has ended for good: no local worker will come any more. `failure` is how the last one ended. */
  readonly gaveUp: (failure: Failure) => void;
}

export interface LocalWorkers {
  /** Sees every worker end: by itself within `graceMs`, else killed. */
  stop(graceMs: number): Promise<void>;
}

const firstBackoffMs = 250;
const maximumBackoffMs = 30_000;
/** A worker that lived this long has earned a fresh start. */
const healthyMs = 30_000;
const maximumCrashes = 6;

/** How a worker's process ended, and the error it told, if it did. */
interface End {
  readonly how: string;
  readonly failure: Failure | undefined;
}

export function startLocalWorkers(options: SpawnOptions): LocalWorkers {
  const program = workerFile('bin', 'worker.js');
  const running = new Map<string, ChildProcess>();
  const timers = new Set<NodeJS.Timeout>();
  let stopping = false;
  let slots = options.workers.length;

  for (const worker of options.workers) start(worker, 0);
  return { stop };

  function start(worker: LocalWorker, crashes: number): void {
    const { name, args, environment, core } = worker;
    const log = openLog(name);
    const startedMs = performance.now();
    // taskset replaces itself by its command: the child is the worker all the same.
    const [command, ...before] = core === undefined ? [process.execPath] : ['taskset', '-c', String(core), process.execPath];
    const child = spawn(command, [...before, program, '--name', name, ...args], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', log, log, 'ipc'],
      detached: true,
    });
    if (log !== 'ignore') closeSync(log);
    running.set(name, child);
    let failure: Failure | undefined;
    child.on('message', (message) => (failure = failureOf(message) ?? failure));
    // 'exit' does not follow when the process could not be started at all.
    child.once('error', (error) => ended(worker, crashes, startedMs, internalErrorExitCode, { how: error.message, failure }));
    child.once('exit', (code, signal) => ended(worker, crashes, startedMs, code, { how: signal ?? `exit code ${code}`, failure }));
  }

  function ended(worker: LocalWorker, crashes: number, startedMs: number, code: number | null, { how, failure }: End): void {
    const { name } = worker;
    running.delete(name);
    if (stopping || code === 0) return;
    const count = performance.now() - startedMs > healthyMs ? 1 : crashes + 1;
    if (isFinal(code) || count > maximumCrashes) return giveUp(name, { how, failure });
    const backoffMs = Math.min(maximumBackoffMs, firstBackoffMs * 2 ** (count - 1));
    options.say(`Worker ${name} ended (${how}); starting it again in ${backoffMs / 1000} s.`);
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (!stopping) start(worker, count);
    }, backoffMs);
    timers.add(timer);
  }

  function giveUp(name: string, { how, failure }: End): void {
    slots -= 1;
    const crashed = `Worker ${name} ended (${how}) again and again. Its last words are in ${logPath(name)}.`;
    // Whoever ends the run says the last one's sentence.
    if (slots === 0) return options.gaveUp(failure ?? { code: 'workers-missing', reason: crashed });
    options.say(failure === undefined ? crashed : `Worker ${name} ended (${how}) and is not started again: ${failure.reason}`);
  }

  /** A log that cannot be opened, on a full disk for example, must not cost the worker. */
  function openLog(name: string): number | 'ignore' {
    try {
      return openSync(logPath(name), 'a');
    } catch (error) {
      options.say(`The log of ${name} is lost: ${(error as Error).message}.`);
      return 'ignore';
    }
  }

  function logPath(name: string): string {
    return join(options.logDirectory, `${name}.log`);
  }

  async function stop(graceMs: number): Promise<void> {
    stopping = true;
    for (const timer of timers) clearTimeout(timer);
    const exits = [...running.values()].map(
      (child) =>
        new Promise<void>((resolve) =>
          child.exitCode === null && child.signalCode === null ? child.once('exit', () => resolve()) : resolve(),
        ),
    );
    const killer = setTimeout(() => running.forEach(kill), graceMs);
    await Promise.all(exits);
    clearTimeout(killer);
  }
}

/** Whether a process that ended so would only end so again. A crash has an exit code that no error has, or none. */
function isFinal(exitCode: number | null): boolean {
  const entry: ErrorEntry | undefined = Object.values(errorTable).find((each) => each.exitCode === exitCode);
  return entry !== undefined && entry.retryable !== true;
}

/** The whole process group: a worker's own children, if a library started any, go too. */
function kill(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
