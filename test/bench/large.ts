/**
 * Benchmark `large`: a real coordinator with networks of 100 MB and 1 GB, and two workers that compute nothing. How long a round takes, how
 * long the coordinator keeps /healthz waiting meanwhile, checkpoints included, and how much memory both take.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CarrierEntry, carrierFault } from './carriers.ts';
import { build, serve, type Serving, temporaryDirectory } from './coordinator.ts';
import { largeRecipe } from './large-recipe.ts';
import type { Options } from './options.ts';
import { flagsOf, type Forked, forkFile } from './processes.ts';
import { memoryBytes } from './process-usage.ts';
import { type Page, total } from './prometheus.ts';
import type { Report } from './report.ts';
import { whole } from './statistics.ts';

interface Setting {
  readonly bytes: number;
  readonly carrier: CarrierEntry;
  readonly workers: number;
  /** Rounds that are measured, after the first. */
  readonly rounds: number;
  readonly checkpointEvery: number;
}

interface Sample {
  readonly secondsARound: number;
  readonly reduceSeconds: number;
  readonly applySeconds: number;
  /** How long /healthz took to answer at most, and as a rule. */
  readonly longestWaitMs: number;
  readonly usualWaitMs: number;
  /** For how long the event loop was held at most, in processor time. */
  readonly heldMs: number;
  readonly checkpoints: number;
  readonly coordinatorBytes: number;
  readonly workerBytes: number;
}

const burnInRounds = 1;
const pollMs = 500;
/** Between questions to /healthz. */
const askEveryMs = 60;
const patienceMs = 600_000;

export async function large(options: Options, say: (line: string) => void): Promise<Report> {
  await build();
  const workers = options.workers?.[0] ?? 2;
  const sizes = [{ bytes: 1e8, rounds: 10, checkpointEvery: 4 }, ...(options.quick ? [] : [{ bytes: 1e9, rounds: 3, checkpointEvery: 2 }])];
  const carriers = options.carriers.filter((carrier) => carrier.name !== 'inline-ipc' && carrierFault(carrier) === undefined);
  const measured: { setting: Setting; sample: Sample }[] = [];
  for (const size of sizes) {
    for (const carrier of carriers) {
      const setting = { ...size, carrier, workers };
      say(`${size.bytes / 1e6} MB over ${carrier.name}`);
      const sample = await measure(setting);
      say(JSON.stringify(sample));
      measured.push({ setting, sample });
    }
  }
  return reportOf(measured, workers);
}

async function measure(setting: Setting): Promise<Sample> {
  const { bytes, carrier, workers, checkpointEvery } = setting;
  const directory = await temporaryDirectory();
  const { text, parameters } = largeRecipe(bytes);
  const recipe = join(directory.path, 'large.mjs');
  await writeFile(recipe, text);
  const run = { recipe, workers, shards: workers, 'batch-size': workers, steps: 1_000_000, carrier: carrier.choice, keep: 1 };
  const processes: Forked<object, object>[] = [];
  let serving: Serving | undefined;
  try {
    serving = await serve(flagsOf({ ...run, 'worker-timeout': 600 }), carrier.bind(directory.path), directory.path, {
      checkpointEvery,
      watchesLoop: true,
    });
    for (let index = 0; index < workers; index += 1)
      processes.push(forkFile('large-worker.ts', [serving.endpoint, `worker-${index}`, String(parameters)]));
    return await observe(serving, processes, setting);
  } finally {
    await Promise.all(processes.map((each) => each.end()));
    await serving?.stop();
    await directory.remove();
  }
}

async function observe(serving: Serving, workers: readonly Forked<object, object>[], setting: Setting): Promise<Sample> {
  const waits: number[] = [];
  const over = new AbortController();
  const asking = (async () => {
    while (!over.signal.aborted) {
      const startMs = performance.now();
      await serving.askHealth();
      waits.push(performance.now() - startMs);
      await sleep(askEveryMs);
    }
  })();
  try {
    const before = await scrapeAfter(serving, burnInRounds);
    const after = await scrapeAfter(serving, burnInRounds + setting.rounds);
    const rounds = total(after, roundCount) - total(before, roundCount);
    const perRound = (name: string, label?: string): number => (total(after, name, label) - total(before, name, label)) / rounds;
    const part = (name: string): number => perRound('lockstep_phase_duration_seconds_sum', `part="${name}"`);
    const memory = await Promise.all([serving.pid, ...workers.map(({ pid }) => pid)].map(memoryBytes));
    const sorted = waits.toSorted((a, b) => a - b);
    return {
      secondsARound: perRound('lockstep_step_duration_seconds_sum'),
      reduceSeconds: part('reduce'),
      applySeconds: part('apply'),
      longestWaitMs: sorted.at(-1)!,
      usualWaitMs: sorted[sorted.length >> 1]!,
      heldMs: (await serving.heldMs()) ?? NaN,
      checkpoints: total(after, 'lockstep_checkpoint_duration_seconds_count'),
      coordinatorBytes: memory[0]?.peak ?? NaN,
      workerBytes: Math.max(...memory.slice(1).map((each) => each?.peak ?? NaN)),
    };
  } finally {
    over.abort();
    await asking;
  }
}

const roundCount = 'lockstep_step_duration_seconds_count';

/** The first page on which this many rounds are committed. */
async function scrapeAfter(serving: Serving, rounds: number): Promise<Page> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    serving.check();
    const page = await serving.scrape();
    if (total(page, roundCount) >= rounds) return page;
    if (performance.now() > deadlineMs) throw new Error(`no ${rounds} rounds within ${patienceMs / 1000} s:\n${serving.output()}`);
    await sleep(pollMs);
  }
}

function reportOf(measured: readonly { setting: Setting; sample: Sample }[], workers: number): Report {
  const megabytes = (bytes: number): string => whole(bytes / 1e6);
  return {
    name: 'large',
    title: `A round of a network of 100 MB and of 1 GB (float32, Adam), ${workers} workers that compute nothing, checkpoints included.`,
    tables: [
      {
        caption:
          'Seconds a round, of these in the sum and in the optimizer; milliseconds until /healthz answers, and for which the event loop is held (processor time)',
        columns: ['network', 'a round', 'reduce', 'apply', 'longest wait', 'median wait', 'longest hold', 'checkpoints'],
        rows: measured.map(({ setting, sample }) => [
          nameOf(setting),
          ...[sample.secondsARound, sample.reduceSeconds, sample.applySeconds].map((seconds) => seconds.toFixed(2)),
          whole(sample.longestWaitMs),
          whole(sample.usualWaitMs),
          whole(sample.heldMs),
          String(sample.checkpoints),
        ]),
      },
      {
        caption: 'Peak resident memory in MB, memory that is shared counted in every process; the aim is for the coordinator',
        columns: ['network', 'coordinator', 'each worker', 'weights, optimizer and a gradient a worker, plus 10 %'],
        rows: measured.map(({ setting, sample }) => [
          nameOf(setting),
          megabytes(sample.coordinatorBytes),
          megabytes(sample.workerBytes),
          megabytes((3 + workers) * setting.bytes * 1.1),
        ]),
      },
    ],
    notes: [
      'Workers compute nothing: a backend takes memory of its own. A checkpoint in the making holds a copy of weights and optimizer besides.',
    ],
    results: measured.map(({ setting, sample }) => ({ name: nameOf(setting), ...sample })),
  };
}

function nameOf({ bytes, carrier }: Setting): string {
  return `${bytes >= 1e9 ? `${bytes / 1e9} GB` : `${bytes / 1e6} MB`}, ${carrier.name}`;
}
