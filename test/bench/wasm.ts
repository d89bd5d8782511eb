/**
 * Benchmark `wasm`: a worker's step of the seed GAN on Lockstep's wasm backend and on TF.js's own, and where Lockstep's spends its time.
 *
 * Responsible for: contestants and tables. Not responsible for: judging. It fails only when something breaks, or when both do not compute
 * the same gradients.
 *
 * Method: one process per backend, alive together and computing in turn, so that both see the same machine. A step is both phases with
 * new weights each, one worker's part without transport and optimizer (`wasm-contestant.ts`). Kernels are timed last, by themselves.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Options } from './options.ts';
import type { Report, Table } from './report.ts';
import { percent, spreadOf, withRange } from './statistics.ts';
import { takeTurns } from './turns.ts';
import type { Answer, Contestant, Request } from './wasm-contestant.ts';

const batchSize = 128;
/** Steps per repeat: about the same time for both, so that a disturbance weighs the same. */
const contestants = [
  { name: 'TF.js', key: 'stock', burnInSteps: 2, steps: 3 },
  { name: 'Lockstep', key: 'lockstep', burnInSteps: 10, steps: 24 },
] as const;
/** Relative to the gradients' largest element; both are float32, summed in different orders. */
const largestDifference = 1e-4;
const kernelSteps = 24;
/** Of a step: kernels that take less are not listed by name. */
const smallestShare = 0.01;

export async function wasm(options: Options, say: (line: string) => void): Promise<Report> {
  const processes = contestants.map(({ key }) => start(key));
  const answers: Answer[] = [];
  try {
    const { measured } = await takeTurns(
      contestants.map(({ name, burnInSteps, steps }, index) => ({
        name,
        workers: 1,
        burnIn: async () => {
          answers.push(await processes[index]!.ask({ steps: burnInSteps, timeKernels: false }));
          return undefined;
        },
        measure: async () => (steps * batchSize) / (await processes[index]!.ask({ steps, timeKernels: false })).seconds,
      })),
      options.repeats,
      say,
    );
    const difference = differenceOf(answers);
    if (!(difference <= largestDifference)) throw new Error(`the gradients differ by ${difference}: what was measured means nothing`);
    say(`kernels: ${kernelSteps} steps`);
    const { seconds, kernelSeconds } = await processes[1]!.ask({ steps: kernelSteps, timeKernels: true });
    const rates = measured.map(({ name, samples }) => ({ name, unit: 'images/s', ...spreadOf(samples) }));
    return {
      name: 'wasm',
      title: `A worker's part of a step of the seed GAN, both phases, ${batchSize} images, one core.`,
      tables: [
        {
          caption: 'Images per second: median (range)',
          columns: ['', 'images/s', 'ratio'],
          rows: rates.map((rate) => [rate.name, withRange(rate), (rate.median / rates[0]!.median).toFixed(1)]),
        },
        kernelTable(seconds, kernelSeconds),
      ],
      notes: [],
      results: [...rates, { name: 'Lockstep, by kernel', unit: 's', steps: kernelSteps, seconds, kernelSeconds }],
    };
  } finally {
    for (const each of processes) each.end();
  }
}

function kernelTable(seconds: number, kernelSeconds: Answer['kernelSeconds']): Table {
  const sorted = Object.entries(kernelSeconds).toSorted(([, left], [, right]) => right - left);
  const named = sorted.filter(([, each]) => each >= smallestShare * seconds);
  const sumOf = (entries: typeof sorted): number => entries.reduce((sum, [, each]) => sum + each, 0);
  const lines = [
    ...named,
    [`${sorted.length - named.length} other kernels`, sumOf(sorted.slice(named.length))],
    ['outside kernels', seconds - sumOf(sorted)],
  ] as const;
  return {
    caption: `Where Lockstep's step goes, with every kernel timed (${kernelSteps} steps)`,
    columns: ['kernel', 'ms a step', 'share'],
    rows: lines.map(([name, each]) => [name, ((each * 1000) / kernelSteps).toFixed(2), percent(each / seconds)]),
  };
}

/** Between the contestants' gradients, at most. */
function differenceOf(answers: readonly Answer[]): number {
  const [expected, computed] = answers.map(({ gradients }) => gradients.flat()) as [number[], number[]];
  return Math.max(...expected.map((value, index) => Math.abs(value - computed[index]!)));
}

/** A contestant in a process of its own, which ends with this one. */
function start(contestant: Contestant): { ask: (request: Request) => Promise<Answer>; end: () => void } {
  const child = fork(fileURLToPath(new URL('wasm-contestant.ts', import.meta.url)), [contestant, String(batchSize)]);
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the process of ${contestant} ended with ${code}`);
  });
  ended.catch(() => undefined);
  return {
    async ask(request) {
      child.send(request);
      const [answer] = (await Promise.race([once(child, 'message'), ended])) as [Answer];
      return answer;
    },
    end: () => void child.kill(),
  };
}
