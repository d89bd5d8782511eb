/**
 * Benchmarks `training` and `strong`: images per second of Lockstep and of PyTorch DDP over Gloo, on the same GAN, batch and process count.
 *
 * `training` gives each worker 128 images (weak scaling); `strong` divides one global batch of 512 (strong scaling).
 * Responsible for: contestants and tables. Lockstep is measured from outside: the real coordinator with --spawn, read from summary.json.
 */
import { cpus } from 'node:os';
import { backendFault, build, train } from './coordinator.ts';
import { efficiency, efficiencyOnCores } from './efficiency.ts';
import { backendArgs, type BackendChoice, type Options } from './options.ts';
import { findPyTorch, type PyTorch, trainWithDdp } from './pytorch.ts';
import { flagsOf } from './processes.ts';
import type { Report, Table } from './report.ts';
import { median, percent, spreadOf, withRange } from './statistics.ts';
import { type Contestant, type Measured, skipNotes, takeTurns } from './turns.ts';

const recipe = 'gan-seed';
const batchPerWorker = 128;
const strongBatch = 512;
const burnInSteps = 20;

interface Setting {
  readonly workers: number;
  /** Global. */
  readonly batchSize: number;
  readonly shards: number;
}

export async function training(options: Options, say: (line: string) => void): Promise<Report> {
  const settings = (options.workers ?? [1, 2, 4]).map((workers) => ({ workers, batchSize: batchPerWorker * workers, shards: workers }));
  const title = `Images per second of training the seed GAN with ${batchPerWorker} images a worker and step, one thread a worker; ${options.steps} steps after a burn-in of ten.`;
  return compare('training', title, settings, options, say);
}

export async function strong(options: Options, say: (line: string) => void): Promise<Report> {
  const settings = (options.workers ?? [1, 2, 4]).map((workers) => ({ workers, batchSize: strongBatch, shards: Math.max(4, workers) }));
  const title = `Images per second of training the seed GAN with ${strongBatch} images a step, whatever the number of workers, one thread a worker; ${options.steps} steps after a burn-in of ten.`;
  return compare('strong', title, settings, options, say);
}

async function compare(
  name: string,
  title: string,
  settings: readonly Setting[],
  options: Options,
  say: (line: string) => void,
): Promise<Report> {
  await build();
  const pyTorch = await findPyTorch(options.python);
  const lockstep = await Promise.all(
    options.backends.map(async (choice) =>
      lockstepContestants(settings, choice, await backendFault(backendArgs[choice][1]), options.steps),
    ),
  );
  const peers = [false, true].map((compiled) => pyTorchContestants(settings, compiled, pyTorch, options));
  // By number of workers first: those that are compared with each other run next to each other.
  const contestants = settings.flatMap((_, index) => [...lockstep, ...peers].map((each) => each[index]!));
  const { measured, skipped } = await takeTurns(contestants, options.repeats, say);
  const workers = settings.map((setting) => setting.workers);
  const tables =
    measured.length === 0 ? [] : [rateTable(measured, workers), ratioTable(measured, workers), efficiencyTable(measured, workers)];
  return {
    name,
    title,
    tables: tables.filter(({ rows }) => rows.length > 0),
    notes: [...(typeof pyTorch === 'string' ? [] : [`PyTorch ${pyTorch.version}.`]), ...skipNotes(skipped)],
    results: [...measured.map((each) => ({ ...each, unit: 'images/s', ...spreadOf(each.samples) })), ...skipped],
  };
}

function lockstepContestants(
  settings: readonly Setting[],
  choice: BackendChoice,
  fault: string | undefined,
  steps: number,
): Contestant<number>[] {
  const rate = async ({ workers, batchSize, shards }: Setting, count: number): Promise<number> => {
    const flags = flagsOf({ recipe, workers, shards, 'batch-size': batchSize, steps: count, 'log-level': 'warn' });
    const summary = await train(['--spawn', ...backendArgs[choice], ...flags]);
    const backend = backendArgs[choice][1];
    if (summary.backend !== backend || summary.workers !== workers) {
      throw new Error(`asked for ${workers} workers on ${backend}, and ${summary.workers} on ${summary.backend} trained`);
    }
    return summary.imagesPerSecond;
  };
  return settings.map((setting) => ({
    name: `Lockstep ${backendArgs[choice].join(' ').replace('--backend ', '')}`,
    workers: setting.workers,
    burnIn: async () => fault ?? (await rate(setting, burnInSteps), undefined),
    // The summary leaves out the first ten steps, as the peer does.
    measure: () => rate(setting, steps + 10),
  }));
}

function pyTorchContestants(
  settings: readonly Setting[],
  compiled: boolean,
  found: PyTorch | string,
  { python, steps }: Options,
): Contestant<number>[] {
  return settings.map(({ workers, batchSize }) => {
    const rate = (count: number): Promise<number> =>
      trainWithDdp({ python, workers, batchPerWorker: Math.floor(batchSize / workers), steps: count, compile: compiled });
    return {
      name: compiled ? 'PyTorch DDP, torch.compile' : 'PyTorch DDP',
      workers,
      burnIn: async () => {
        if (typeof found === 'string') return found;
        // A compiler that is missing on this machine must not end the benchmark of everything else.
        return rate(burnInSteps).then(
          () => undefined,
          (error: Error) => `It failed: ${error.message.trim().split('\n').at(-1)}`,
        );
      },
      measure: () => rate(steps),
    };
  });
}

type Rates = readonly Measured<number>[];

/** One row for each name, one column for each number of workers. */
function grid(caption: string, rates: Rates, workers: readonly number[], cell: (each: Measured<number>) => string, first = ''): Table {
  const names = [...new Set(rates.map(({ name }) => name))];
  const cellOf = (name: string, count: number): string => {
    const found = rates.find((each) => each.name === name && each.workers === count);
    return found === undefined ? '-' : cell(found);
  };
  return {
    caption,
    columns: [first, ...workers.map((count) => (count === 1 ? '1 worker' : `${count} workers`))],
    rows: names.map((name) => [name, ...workers.map((count) => cellOf(name, count))]),
  };
}

function rateTable(rates: Rates, workers: readonly number[]): Table {
  return grid('Images per second: median (range)', rates, workers, ({ samples }) => withRange(spreadOf(samples)), 'images/s');
}

/** Against the peer's plain step: the one that people run. */
function ratioTable(rates: Rates, workers: readonly number[]): Table {
  const peerOf = (count: number): number | undefined => {
    const peer = rates.find(({ name, workers: each }) => name === 'PyTorch DDP' && each === count);
    return peer === undefined ? undefined : median(peer.samples);
  };
  const compared = rates.filter(({ name, workers: count }) => name !== 'PyTorch DDP' && peerOf(count) !== undefined);
  return grid(
    'Times the rate of PyTorch DDP (medians)',
    compared,
    workers,
    ({ samples, workers: count }) => (median(samples) / peerOf(count)!).toFixed(2),
    'ratio',
  );
}

function efficiencyTable(rates: Rates, workers: readonly number[]): Table {
  const cores = cpus().length;
  const oneOf = (name: string): number | undefined => {
    const one = rates.find((each) => each.name === name && each.workers === 1);
    return one === undefined ? undefined : median(one.samples);
  };
  const comparable = rates.filter(({ name }) => oneOf(name) !== undefined);
  const caption = `Scaling efficiency against one worker (in brackets: of what ${cores} cores allow)`;
  return grid(
    caption,
    comparable,
    workers,
    ({ name, samples, workers: count }) => {
      const rate = median(samples);
      const one = oneOf(name)!;
      return `${percent(efficiency(rate, one, count))} (${percent(efficiencyOnCores(rate, one, count, cores))})`;
    },
    'efficiency',
  );
}
