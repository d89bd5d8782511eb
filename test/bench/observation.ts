/**
 * Benchmark `observation`: what metrics, the live page and a trace together cost the coordinator, in seconds of processor time a step.
 *
 * Observed: `--trace`, a scrape of /metrics and /sd every five seconds, and one page open, whose events are read. Bare: none of these, and
 * nothing is counted for them either (`bare.mjs`). Both train the same steps with the same workers, in turn; the first steps, in which
 * Node compiles, are not measured. Steps are counted in losses.jsonl, so that counting them costs the coordinator nothing.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { carrierFault, type CarrierEntry } from './carriers.ts';
import { build, serve, type Serving, temporaryDirectory } from './coordinator.ts';
import { flagsOf } from './processes.ts';
import type { Options } from './options.ts';
import { processorSeconds } from './process-usage.ts';
import type { Report } from './report.ts';
import { type Interval, median, medianInterval } from './statistics.ts';
import { type Contestant, skipNotes, takeTurns } from './turns.ts';

/** Before measuring. */
const warmUpSteps = 50;
const scrapeEveryMs = 5000;
const pollMs = 100;
const bare = fileURLToPath(new URL('bare.mjs', import.meta.url));

export async function observation(options: Options, say: (line: string) => void): Promise<Report> {
  const counts = options.workers ?? [2];
  await build();
  const rows: string[][] = [];
  const results: object[] = [];
  const notes: string[] = [];
  for (const workers of counts)
    for (const carrier of options.carriers) {
      const sides = [false, true].map((isObserved) => side(carrier, workers, options.steps, isObserved));
      const { measured, skipped } = await takeTurns(sides, options.repeats, say);
      notes.push(...skipNotes(skipped));
      const [without, observed] = measured;
      if (without === undefined || observed === undefined) continue;
      const added = observed.samples.map((seconds, pair) => seconds / without.samples[pair]! - 1);
      const interval = medianInterval(added);
      rows.push([`${carrier.name}, ${workers} workers`, milliseconds(without.samples), milliseconds(observed.samples), percents(interval)]);
      results.push({ carrier: carrier.name, workers, unit: 's of processor time a step', bare: without, observed, added, interval });
    }
  const table = {
    caption: `Coordinator: milliseconds of processor time a step (median), and what is added (median of ${options.repeats} pairs, interval)`,
    columns: ['carrier', 'bare', 'observed', 'added'],
    rows,
  };
  const title = `Metrics (a scrape every ${scrapeEveryMs / 1000} s), one live page and a trace together: what they add to the coordinator's processor time, user and system, over ${options.steps} steps of the recipe gan on wasm.`;
  const method =
    'The interval is that of the sign test for the median of the pairs: between two of the ordered values, without assumptions about their distribution, at 95 % or more. Fewer than six pairs have none.';
  return { name: 'observation', title, tables: [table], notes: [method, ...notes], results };
}

function side(carrier: CarrierEntry, workers: number, steps: number, isObserved: boolean): Contestant<number> {
  return {
    name: `${carrier.name} ${isObserved ? 'observed' : 'bare'}`,
    workers,
    burnIn: async () => carrierFault(carrier),
    measure: () => measure(carrier, workers, steps, isObserved),
  };
}

/** Seconds of processor time a step. */
async function measure(carrier: CarrierEntry, workers: number, steps: number, isObserved: boolean): Promise<number> {
  const directory = await temporaryDirectory();
  const flags = flagsOf({ workers, backend: 'wasm', carrier: carrier.choice, epochs: 1000 });
  const serving = await serve(['--spawn', ...flags, ...(isObserved ? ['--trace'] : [])], carrier.bind(directory.path), directory.path, {
    node: isObserved ? [] : ['--import', bare],
  });
  const observer = isObserved ? observe(serving) : undefined;
  try {
    const losses = join(directory.path, 'run', 'losses.jsonl');
    const from = await usageAt(serving, losses, warmUpSteps);
    const to = await usageAt(serving, losses, from.steps + steps);
    observer?.check();
    return (to.seconds - from.seconds) / (to.steps - from.steps);
  } finally {
    observer?.stop();
    await serving.stop();
    await directory.remove();
  }
}

/** Once so many steps are done. */
async function usageAt({ pid, check }: Serving, losses: string, wanted: number): Promise<{ steps: number; seconds: number }> {
  for (;;) {
    const lines = await readFile(losses, 'latin1').catch(() => '');
    const steps = lines.split('\n').length - 1;
    const seconds = await processorSeconds([pid]);
    check();
    if (seconds === undefined) throw new Error('processor time is read from /proc, which is not here');
    if (steps >= wanted) return { steps, seconds };
    await sleep(pollMs);
  }
}

/** A Prometheus and a browser, as the coordinator sees them. */
function observe({ url }: Serving): { check(): void; stop(): void } {
  const end = new AbortController();
  let fault: unknown;
  const failed = (error: unknown): void => void (end.signal.aborted || (fault ??= error));
  const read = async (path: string): Promise<void> => {
    const response = await fetch(`${url}${path}`, { signal: end.signal });
    if (!response.ok) throw new Error(`${path} was answered with ${response.status}`);
    for await (const _ of response.body!);
  };
  const scrape = (): void => void Promise.all(['/metrics', '/sd'].map(read)).catch(failed);
  scrape();
  const timer = setInterval(scrape, scrapeEveryMs);
  read('/events').catch(failed);
  return {
    check() {
      if (fault !== undefined) throw fault;
    },
    stop() {
      clearInterval(timer);
      end.abort();
    },
  };
}

const milliseconds = (seconds: readonly number[]): string => (median(seconds) * 1000).toFixed(3);

function percents({ median: middle, low, high }: Interval): string {
  const text = (share: number): string => `${(share * 100).toFixed(1)} %`;
  return low === undefined || high === undefined ? text(middle) : `${text(middle)} (${text(low)} to ${text(high)})`;
}
