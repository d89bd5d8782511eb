/**
 * Benchmark `stragglers`: what one bad worker costs a step, of four workers that sleep and 16 shards.
 *
 * Healthy: each sleeps 10 ms for each shard and phase. Five times slower: one sleeps 50 ms. Pausing: one is stopped (SIGSTOP) for 3 s of
 * every 3.3 s. Frozen: one is stopped as measuring begins, and never continues. A sleeping worker needs no core, so two cores can play four.
 */
import { carrierFault } from './carriers.ts';
import { build } from './coordinator.ts';
import type { Options } from './options.ts';
import type { Report } from './report.ts';
import { measureScaling, type ScalingSetting } from './scaling-run.ts';
import { median, spreadOf, withRange } from './statistics.ts';
import { type Contestant, skipNotes, takeTurns } from './turns.ts';

const workers = 4;
const shards = 16;
const sleepMs = 10;
const slowness = 5;
const pause = { stoppedMs: 3000, runningMs: 300 };

type Disturbance = Pick<ScalingSetting, 'slowness' | 'disturb'>;

const disturbances: Readonly<Record<string, Disturbance>> = {
  healthy: {},
  [`one ${slowness} times slower`]: { slowness },
  'one pausing 3 s of every 3.3': { disturb: pausing },
  'one frozen': {
    disturb(pid) {
      process.kill(pid, 'SIGSTOP');
      return () => process.kill(pid, 'SIGCONT');
    },
  },
};

export async function stragglers(options: Options, say: (line: string) => void): Promise<Report> {
  await build();
  const contestants = options.carriers.flatMap((carrier) =>
    Object.entries(disturbances).map(([name, disturbance]): Contestant<number> => ({
      name: `${carrier.name}, ${name}`,
      workers,
      burnIn: async () => carrierFault(carrier),
      async measure() {
        const length = options.quick
          ? { burnInSteps: 10, steps: 10, minimumSeconds: 4 }
          : { burnInSteps: 60, steps: Math.min(options.steps, 100), minimumSeconds: 20 };
        return (await measureScaling({ carrier, workers, shards, sleepMs, ...length, ...disturbance })).step;
      },
    })),
  );
  const { measured, skipped } = await takeTurns(contestants, options.repeats, say);
  const rows = measured.map(({ name, samples }) => {
    const healthy = measured.find((each) => each.name === `${name.split(',')[0]!}, healthy`)!;
    const step = spreadOf(samples);
    return [name, withRange(step, 1), (step.median / median(healthy.samples)).toFixed(2)];
  });
  return {
    name: 'stragglers',
    title: `A step of ${workers} workers with ${shards} shards that sleep ${sleepMs} ms for each shard and phase; a perfect step takes ${(2 * sleepMs * shards) / workers} ms. The mean of a step over at least 20 s, stalls included.`,
    tables: [
      {
        caption: 'Milliseconds a step: median of the means (range), and against the healthy step',
        columns: ['workers', 'step', 'ratio'],
        rows,
      },
    ],
    notes: skipNotes(skipped),
    results: measured.map(({ name, samples }) => ({ name, unit: 'ms', ...spreadOf(samples), samples })),
  };
}

/** Returns what ends it. */
function pausing(pid: number): () => void {
  let timer: NodeJS.Timeout;
  const stop = (): void => {
    process.kill(pid, 'SIGSTOP');
    timer = setTimeout(run, pause.stoppedMs);
  };
  const run = (): void => {
    process.kill(pid, 'SIGCONT');
    timer = setTimeout(stop, pause.runningMs);
  };
  stop();
  return () => {
    clearTimeout(timer);
    process.kill(pid, 'SIGCONT');
  };
}
