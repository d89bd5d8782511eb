/**
 * One measurement of `scaling.ts`: a real coordinator, N workers that sleep, and what the coordinator's metrics say meanwhile.
 *
 * The coordinator trains without end; its /metrics page is read once the burn-in is over and again some steps later, and the difference
 * is what counts. Memory and processor time come from /proc.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CarrierEntry } from './carriers.ts';
import { type Serving, serve, temporaryDirectory } from './coordinator.ts';
import { flagsOf, forkFile } from './processes.ts';
import { memoryBytes, processorSeconds } from './process-usage.ts';
import { type Page, total } from './prometheus.ts';

export interface ScalingSetting {
  readonly carrier: CarrierEntry;
  readonly workers: number;
  readonly shards: number;
  /** One worker sleeps this long for each shard and phase. */
  readonly sleepMs: number;
  /** How many times longer the last worker sleeps. */
  readonly slowness?: number;
  /** Disturbs the last worker from the end of the burn-in on; returns what ends that. */
  readonly disturb?: (pid: number) => () => void;
  readonly burnInSteps: number;
  /** Measured at least; and at least `minimumSeconds`. */
  readonly steps: number;
  readonly minimumSeconds: number;
}

export const parts = ['compute', 'wait', 'reduce', 'apply'] as const;
/** What the coordinator does to send work counts as waiting, seen from a step. */
const partsOfWait = ['data', 'serialise', 'send', 'wait'] as const;

/** Per step, in milliseconds, unless it says otherwise. */
export interface ScalingSample {
  readonly step: number;
  /** Where the coordinator says the time went. */
  readonly parts: Readonly<Record<(typeof parts)[number], number>>;
  readonly coordinatorProcessor: number;
  /** All workers together: on this machine they share its cores. */
  readonly workersProcessor: number | undefined;
  /** Of the coordinator, at the end and at most. */
  readonly residentMegabytes: number | undefined;
  readonly peakMegabytes: number | undefined;
  /** Each way. */
  readonly sentMegabytes: number;
  readonly receivedMegabytes: number;
}

/** Reading the page costs the coordinator some milliseconds itself. */
const pollMs = 500;
/** A run without a commit or a new worker for this long is broken. */
const patienceMs = 120_000;

export async function measureScaling(setting: ScalingSetting): Promise<ScalingSample> {
  const { carrier, workers, shards, sleepMs } = setting;
  const directory = await temporaryDirectory();
  // One sample per shard: a worker that sleeps must cost next to nothing, since all of them share this machine.
  const run = { recipe: 'gan-seed', workers, shards, 'batch-size': shards, steps: 1_000_000 };
  const args = flagsOf({ ...run, carrier: carrier.choice, 'log-level': 'info' });
  let serving: Serving | undefined;
  const processes: { readonly pid: number; end(): Promise<void> }[] = [];
  try {
    serving = await serve(args, carrier.bind(directory.path), directory.path);
    for (let index = 0; index < workers; index += 1) {
      const sleeps = index === workers - 1 ? sleepMs * (setting.slowness ?? 1) : sleepMs;
      processes.push(forkFile('sleep-worker.ts', [serving.endpoint, `sleeper-${index}`, String(sleeps)]));
    }
    return await observe(
      serving,
      processes.map(({ pid }) => pid),
      setting,
    );
  } finally {
    await serving?.stop();
    await Promise.all(processes.map((each) => each.end()));
    await directory.remove();
  }
}

async function observe(serving: Serving, workers: readonly number[], setting: ScalingSetting): Promise<ScalingSample> {
  const before = await scrapeAfter(serving, setting.burnInSteps);
  checkCarrier(serving, setting);
  const calm = setting.disturb?.(workers.at(-1)!);
  try {
    return await measureFrom(before, serving, workers, setting);
  } finally {
    calm?.();
  }
}

async function measureFrom(before: Page, serving: Serving, workers: readonly number[], setting: ScalingSetting): Promise<ScalingSample> {
  const workersBefore = await processorSeconds(workers);
  await sleep(1000 * setting.minimumSeconds);
  const after = await scrapeAfter(serving, total(before, stepCount) + setting.steps);
  const workersAfter = await processorSeconds(workers);
  const memory = await memoryBytes(serving.pid);
  const steps = total(after, stepCount) - total(before, stepCount);
  const perStep = (name: string, label?: string): number => (total(after, name, label) - total(before, name, label)) / steps;
  const megabytes = (bytes: number | undefined): number | undefined => (bytes === undefined ? undefined : bytes / 1e6);
  return {
    step: 1000 * perStep('lockstep_step_duration_seconds_sum'),
    parts: Object.fromEntries(
      parts.map((part) => {
        const measured = part === 'wait' ? partsOfWait : [part];
        const seconds = measured.map((each) => perStep('lockstep_phase_duration_seconds_sum', `part="${each}"`));
        return [part, 1000 * seconds.reduce((sum, each) => sum + each, 0)];
      }),
    ) as ScalingSample['parts'],
    coordinatorProcessor: 1000 * perStep('process_cpu_seconds_total'),
    workersProcessor:
      workersBefore === undefined || workersAfter === undefined ? undefined : (1000 * (workersAfter - workersBefore)) / steps,
    residentMegabytes: megabytes(memory?.now),
    peakMegabytes: megabytes(memory?.peak),
    sentMegabytes: perStep('lockstep_transferred_bytes_total', 'carrier="inline",direction="sent"') / 1e6,
    receivedMegabytes: perStep('lockstep_transferred_bytes_total', 'carrier="inline",direction="received"') / 1e6,
  };
}

/** The coordinator logs, for each worker that joins, how its tensors travel. */
function checkCarrier(serving: Serving, { carrier, workers }: ScalingSetting): void {
  const sentence = carrier.carrier === 'shm' ? 'tensors through shared memory' : 'tensors in messages';
  const count = serving.output().split(sentence).length - 1;
  if (count !== workers) throw new Error(`${count} of ${workers} workers joined with ${sentence}: nothing was measured`);
}

const stepCount = 'lockstep_step_duration_seconds_count';

/** The first page on which this many steps are committed. */
async function scrapeAfter(serving: Serving, steps: number): Promise<Page> {
  let last = -1;
  let deadlineMs = performance.now() + patienceMs;
  for (;;) {
    serving.check();
    const page = await serving.scrape();
    const count = total(page, stepCount);
    if (count >= steps) return page;
    // 64 workers take minutes to start where cores are few.
    const progress = count + total(page, 'lockstep_worker_joins_total');
    if (progress > last) deadlineMs = performance.now() + patienceMs;
    last = progress;
    if (performance.now() > deadlineMs)
      throw new Error(`the coordinator has stood at step ${count} for ${patienceMs / 1000} s:\n${serving.output()}`);
    await sleep(pollMs);
  }
}
