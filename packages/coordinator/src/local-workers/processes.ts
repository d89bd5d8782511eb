/**
 * Local workers of `--spawn`: starts them, restarts those that crash, and sees them end.
 *
 * Not responsible for: one process (`worker-process.ts`), which workers take part (core), or what they compute.
 */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { type ErrorEntry, errorTable, type Failure } from '@lockstep/shared';
import type { LocalWorker } from './plan.ts';
import { type End, hasExited, killProcess, startWorkerProcess } from './worker-process.ts';

export interface SpawnOptions {
  readonly workers: readonly LocalWorker[];
  /** Where `<name>.log` files go; it must exist. */
  readonly logDirectory: string;
  readonly say: (sentence: string) => void;
  /** Called when every worker has ended for good: none will be started again. `failure` is how the last one ended. */
  readonly gaveUp: (failure: Failure) => void;
}

export interface LocalWorkers {
  /** Resolves when every worker has ended: by itself within `graceMs`, or killed. */
  stop(graceMs: number): Promise<void>;
}

const firstBackoffMs = 250;
const maximumBackoffMs = 30_000;
/** After a worker has run this long, its earlier crashes are forgotten. */
const healthyMs = 30_000;
const maximumCrashes = 6;

export function startLocalWorkers(options: SpawnOptions): LocalWorkers {
  const running = new Map<string, ChildProcess>();
  const timers = new Set<NodeJS.Timeout>();
  const logPath = (name: string): string => join(options.logDirectory, `${name}.log`);
  let stopping = false;
  let slots = options.workers.length;

  for (const worker of options.workers) start(worker, 0);
  return {
    async stop(graceMs) {
      stopping = true;
      for (const timer of timers) clearTimeout(timer);
      const killer = setTimeout(() => running.forEach(killProcess), graceMs);
      await Promise.all([...running.values()].map(hasExited));
      clearTimeout(killer);
    },
  };

  function start(worker: LocalWorker, crashes: number): void {
    const child = startWorkerProcess(worker, logPath(worker.name), options.say, (end) => ended(worker, crashes, end));
    running.set(worker.name, child);
  }

  function ended(worker: LocalWorker, crashes: number, end: End): void {
    const { name } = worker;
    running.delete(name);
    if (stopping || end.code === 0) return;
    const count = end.livedMs > healthyMs ? 1 : crashes + 1;
    if (isFinal(end.code) || count > maximumCrashes) return giveUp(name, end);
    const backoffMs = Math.min(maximumBackoffMs, firstBackoffMs * 2 ** (count - 1));
    options.say(`Worker ${name} ended (${end.how}); starting it again in ${backoffMs / 1000} s.`);
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (!stopping) start(worker, count);
    }, backoffMs);
    timers.add(timer);
  }

  function giveUp(name: string, { how, failure }: End): void {
    slots -= 1;
    const reason = failure?.reason ?? `See its log, ${logPath(name)}.`;
    // The sentence about the last one is left to whatever ends the run.
    if (slots === 0) return options.gaveUp(failure ?? { code: 'workers-missing', reason: `Worker ${name} cannot run (${how}). ${reason}` });
    options.say(`Worker ${name} ended (${how}) and is not started again. ${reason}`);
  }
}

/** Whether a process that ended in this way would only do so again. A crash has no exit code, or one that no error has. */
function isFinal(exitCode: number | null): boolean {
  const entry: ErrorEntry | undefined = Object.values(errorTable).find((each) => each.exitCode === exitCode);
  return entry !== undefined && entry.retryable !== true;
}
