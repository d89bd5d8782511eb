/**
 * Benchmark `scaling`: what a step costs as workers are added, when computing costs nothing but time.
 *
 * Workers sleep 50 ms a step (25 for each of its two phases) for every shard they have. Weak: as many shards as workers, so that a perfect
 * step takes 50 ms for any number of them. Strong: eight shards for any number of workers, so that a perfect step takes 400 ms / N.
 * Responsible for: settings and tables. One measurement is `scaling-run.ts`.
 */
import { carrierFault, type CarrierEntry } from './carriers.ts';
import { build } from './coordinator.ts';
import type { Options } from './options.ts';
import type { Report, Table } from './report.ts';
import { measureScaling, parts, type ScalingSample } from './scaling-run.ts';
import { median, percent, spreadOf, withRange } from './statistics.ts';
import { type Contestant, type Measured, skipNotes, takeTurns } from './turns.ts';

const phases = 2;
const sleepMsPerStep = 50;
const strongShards = 8;

type Kind = 'weak' | 'strong';
type Row = Measured<ScalingSample> & { readonly carrier: string; readonly kind: Kind };

export async function scaling(options: Options, say: (line: string) => void): Promise<Report> {
  await build();
  const weak = options.workers ?? (options.quick ? [1, 4, 8] : [1, 2, 4, 8, 16, 32, 64]);
  const strong = weak.filter((workers) => workers <= strongShards);
  const contestants = options.carriers.flatMap((carrier) => [
    ...weak.map((workers) => ({ ...contestant(carrier, 'weak', workers, workers, options), carrier: carrier.name, kind: 'weak' as const })),
    ...strong.map((workers) => ({
      ...contestant(carrier, 'strong', workers, strongShards, options),
      carrier: carrier.name,
      kind: 'strong' as const,
    })),
  ]);
  const { measured, skipped } = await takeTurns(contestants, options.repeats, say);
  const rows = measured.map((each): Row => {
    const { carrier, kind } = contestants.find(({ name, workers }) => name === each.name && workers === each.workers)!;
    return { ...each, carrier, kind };
  });
  return {
    name: 'scaling',
    title: `A step with N workers that sleep ${sleepMsPerStep} ms for each shard and step instead of computing; the coordinator is the real one, models are the seed GAN's (4.6 MB each way for each worker and step).`,
    tables: options.carriers.flatMap(({ name }) =>
      tablesOf(
        name,
        rows.filter(({ carrier }) => carrier === name),
      ),
    ),
    notes: [
      ...options.carriers.flatMap(({ name }) =>
        memoryNote(
          name,
          rows.filter((row) => row.carrier === name && row.kind === 'weak'),
        ),
      ),
      ...skipNotes(skipped),
    ],
    results: rows.map(({ name, carrier, kind, workers, samples }) => ({
      name,
      carrier,
      kind,
      workers,
      unit: 'ms',
      ...spreadOf(samples.map(({ step }) => step)),
      samples,
    })),
  };
}

function contestant(
  carrier: CarrierEntry,
  kind: Kind,
  workers: number,
  shards: number,
  { quick, steps }: Options,
): Contestant<ScalingSample> {
  const setting = { carrier, workers, shards, sleepMs: sleepMsPerStep / phases };
  const full = quick
    ? { burnInSteps: 3, steps: 10, minimumSeconds: 1 }
    : // Each process compiles what it has run often: cold code takes twice the processor time.
      { burnInSteps: 100, steps: Math.min(steps, 50), minimumSeconds: 5 };
  return {
    name: `${carrier.name}, ${kind}`,
    workers,
    // A run burns in by itself: its first steps are left out.
    burnIn: async () => carrierFault(carrier),
    measure: () => measureScaling({ ...setting, ...full }),
  };
}

function tablesOf(carrier: string, rows: readonly Row[]): Table[] {
  return [
    weakTable(
      carrier,
      rows.filter(({ kind }) => kind === 'weak'),
    ),
    strongTable(
      carrier,
      rows.filter(({ kind }) => kind === 'strong'),
    ),
  ].filter((table) => table.rows.length > 0);
}

function weakTable(carrier: string, rows: readonly Row[]): Table {
  return {
    caption: `Weak scaling over ${carrier}: as many shards as workers. Milliseconds a step (medians; the step with its range)`,
    columns: ['workers', 'step', 'efficiency', 'against one', ...parts, 'coordinator CPU', 'workers CPU', 'coordinator MB', 'at most MB'],
    rows: rows.map(({ workers, samples }) => {
      const step = spreadOf(samples.map((sample) => sample.step));
      const one = rows.find((row) => row.workers === 1);
      const middle = (pick: (sample: ScalingSample) => number | undefined, digits = 1): string => middleOf(samples.map(pick), digits);
      return [
        String(workers),
        withRange(step, 1),
        percent(sleepMsPerStep / step.median),
        one === undefined ? '-' : percent(median(one.samples.map((sample) => sample.step)) / step.median),
        ...parts.map((part) => middle((sample) => sample.parts[part])),
        middle((sample) => sample.coordinatorProcessor),
        middle((sample) => sample.workersProcessor),
        middle((sample) => sample.residentMegabytes, 0),
        middle((sample) => sample.peakMegabytes, 0),
      ];
    }),
  };
}

function strongTable(carrier: string, rows: readonly Row[]): Table {
  const perfectOfOne = sleepMsPerStep * strongShards;
  return {
    caption: `Strong scaling over ${carrier}: ${strongShards} shards for any number of workers. Milliseconds a step`,
    columns: ['workers', 'step', 'perfect', 'efficiency'],
    rows: rows.map(({ workers, samples }) => {
      const step = spreadOf(samples.map((sample) => sample.step));
      // Shards are not divided: the worker with the most of them decides.
      const perfect = sleepMsPerStep * Math.ceil(strongShards / workers);
      return [String(workers), withRange(step, 1), perfect.toFixed(0), percent(perfectOfOne / workers / step.median)];
    }),
  };
}

/** What one more worker costs the coordinator: from the fewest workers to the most. */
function memoryNote(carrier: string, rows: readonly Row[]): string[] {
  const peaks = rows.flatMap(({ workers, samples }) => {
    const known = samples.map(({ peakMegabytes }) => peakMegabytes).filter((value) => value !== undefined);
    return known.length === 0 ? [] : [{ workers, megabytes: median(known) }];
  });
  const [fewest, most] = [peaks[0], peaks.at(-1)];
  if (fewest === undefined || most === undefined || most.workers === fewest.workers) return [];
  const growth = (most.megabytes - fewest.megabytes) / (most.workers - fewest.workers);
  return [
    `Over ${carrier}, from ${fewest.workers} to ${most.workers} workers, the coordinator's memory at most grew by ${growth.toFixed(1)} MB a worker.`,
  ];
}

function middleOf(values: readonly (number | undefined)[], digits: number): string {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? '-' : median(known).toFixed(digits);
}
