/**
 * Local workers of `--spawn`: starts them, kills those that are silent, restarts those that end, gives up those that come to nothing, and
 * sees them end.
 *
 * Not responsible for: one process (`worker-process.ts`), which workers take part (core), or what they compute.
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Clock, type ErrorEntry, errorTable, type Failure, type Timer } from '@lockstep/shared';
import type { LocalWorker } from './plan.ts';
import { type End, startWorkerProcess, type WorkerProcess } from './worker-process.ts';

export interface SpawnOptions {
  readonly workers: readonly LocalWorker[];
  /** The command before each worker's own, if any. */
  readonly launcher: readonly string[];
  /** Where `<name>.log` files go; created before. */
  readonly logDirectory: string;
  readonly say: (sentence: string) => void;
  /** Called when every worker has ended for good: none will be started again. `failure` is how the last one ended. */
  readonly gaveUp: (failure: Failure) => void;
  readonly clock: Clock;
}

/** What the core knows of a worker that takes part or is about to. */
export interface Participant {
  readonly host: string;
  readonly pid: number;
  readonly shardsCommitted: number;
}

export interface LocalWorkers {
  /** Who takes part now, after every change: a local worker that does not for too long is killed. */
  watch(participants: Iterable<Participant>): void;
  /** Sees every worker end: by itself within `graceMs`, else killed. */
  stop(graceMs: number): Promise<void>;
}

const firstBackoffMs = 250;
const maximumBackoffMs = 30_000;
/** Ends that are longer ago are forgotten. */
const rememberedMs = 300_000;
/** A worker that came to nothing so often in a row is given up, however long its lives are. */
const maximumFruitless = 6;
/** From a process to its HELLO. CUDA's libraries have gigabytes, and come from a cold disk. */
const loadingMs = 120_000;
/** One that was let go says HELLO again at once, unless it is stopped or hangs. */
const silenceMs = 5_000;

export function startLocalWorkers(options: SpawnOptions, startProcess = startWorkerProcess): LocalWorkers {
  const { workers, clock, say } = options;
  const host = hostname();
  let left = workers.length;
  const slots = workers.map((worker) => fillSlot(worker, options, startProcess, (end) => giveUp(worker.name, end)));

  function giveUp(name: string, { how, failure }: End): void {
    left -= 1;
    const reason = failure?.reason ?? `See its log, ${logPath(options, name)}.`;
    // Whoever ends the run says the last one's sentence.
    if (left === 0) return options.gaveUp(failure ?? { code: 'workers-missing', reason: `Worker ${name} cannot run (${how}). ${reason}` });
    say(`Worker ${name} ended (${how}) and is not started again. ${reason}`);
  }

  return {
    watch(participants) {
      const here = new Map<number, Participant>();
      for (const participant of participants) if (participant.host === host) here.set(participant.pid, participant);
      for (const slot of slots) slot.watch(here);
    },
    async stop(graceMs) {
      const running = slots.flatMap((slot) => slot.stop() ?? []);
      const killer = clock.after(graceMs, () => running.forEach((each) => each.kill()));
      await Promise.all(running.map(({ exited }) => exited));
      killer.cancel();
    },
  };
}

interface Slot {
  /** By the number of their process. */
  watch(here: ReadonlyMap<number | undefined, Participant>): void;
  /** Nothing is started or killed any more. The process that still runs, if one does. */
  stop(): WorkerProcess | undefined;
}

/** One place, filled by one process after the other. */
function fillSlot(worker: LocalWorker, options: SpawnOptions, startProcess: typeof startWorkerProcess, giveUp: (end: End) => void): Slot {
  const { clock, say, launcher } = options;
  const { name } = worker;
  let process: WorkerProcess | undefined;
  /** Starts the next life, or kills one that is silent. */
  let timer: Timer | undefined;
  let takesPart = false;
  /** Whether work of this life has counted, and how many in a row came to nothing. */
  let isFruitful = false;
  let fruitless = 0;
  /** When lives have ended lately: the wait for the next one grows with their number. */
  let ends: number[] = [];
  let stopping = false;

  function start(): void {
    takesPart = false;
    isFruitful = false;
    process = startProcess(worker, launcher, logPath(options, name), say, ended);
    killUnlessHere(loadingMs);
  }

  function killUnlessHere(patienceMs: number): void {
    timer = clock.after(patienceMs, () => {
      say(`Worker ${name} has not said anything for ${patienceMs / 1000} s; killing it.`);
      process?.kill();
    });
  }

  function ended(end: End): void {
    timer?.cancel();
    process = undefined;
    if (stopping || end.code === 0 || end.code === errorTable.stopped.exitCode) return;
    fruitless = isFruitful ? 0 : fruitless + 1;
    if (isFinal(end.code) || fruitless > maximumFruitless) return giveUp(end);
    ends = [...ends.filter((endMs) => endMs > clock.nowMs() - rememberedMs), clock.nowMs()];
    const backoffMs = Math.min(maximumBackoffMs, firstBackoffMs * 2 ** (ends.length - 1));
    say(`Worker ${name} ended (${end.how}); starting it again in ${backoffMs / 1000} s.`);
    timer = clock.after(backoffMs, start);
  }

  start();
  return {
    watch(here) {
      if (stopping || process === undefined) return;
      const participant = here.get(process.pid);
      if (participant !== undefined && participant.shardsCommitted > 0) isFruitful = true;
      if ((participant !== undefined) === takesPart) return;
      takesPart = !takesPart;
      if (takesPart) timer?.cancel();
      else killUnlessHere(silenceMs);
    },
    stop() {
      stopping = true;
      timer?.cancel();
      return process;
    },
  };
}

function logPath({ logDirectory }: SpawnOptions, name: string): string {
  return join(logDirectory, `${name}.log`);
}

/** Whether a process that ended in this way would only do so again. A crash has no exit code, or one that no error has. */
function isFinal(exitCode: number | null): boolean {
  const entry: ErrorEntry | undefined = Object.values(errorTable).find((each) => each.exitCode === exitCode);
  return entry !== undefined && entry.retryable !== true;
}
