/**
 * Benchmark: the seed GAN's step on Lockstep's wasm backend and on TF.js's own, in one run. `npm run bench`.
 *
 * Responsible for: measuring and printing a table and JSON. Not responsible for: judging. It fails only when something breaks, or when
 * both do not compute the same gradients.
 *
 * Method: one process per backend, alive together and computing in turn, so that both meet the same machine; a burn-in, then repeats;
 * medians. A step is both phases with new weights each, one worker's part without transport and optimizer (`wasm-contestant.ts`).
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Answer, Contestant, Request } from './wasm-contestant.ts';

const batchSize = 128;
const repeats = 7;
/** Steps per repeat: about the same time for both, so that a disturbance weighs alike. */
const contestants = [
  { name: 'TF.js 4.22', key: 'stock', burnInSteps: 2, steps: 3 },
  { name: 'Lockstep', key: 'lockstep', burnInSteps: 10, steps: 24 },
] as const;
/** Relative to the gradients' largest element; both are float32, summed in different orders. */
const largestDifference = 1e-4;

interface Row {
  readonly name: string;
  readonly imagesPerSecond: number;
  readonly lowest: number;
  readonly highest: number;
}

async function main(): Promise<void> {
  const processes = contestants.map(({ key }) => start(key));
  try {
    const answers: Answer[] = [];
    for (const [index, each] of processes.entries()) answers.push(await each.ask({ steps: contestants[index]!.burnInSteps }));
    const [expected, computed] = answers.map(({ gradients }) => gradients.flat()) as [number[], number[]];
    const difference = Math.max(...expected.map((value, index) => Math.abs(value - computed[index]!)));
    if (!(difference <= largestDifference)) throw new Error(`the gradients differ by ${difference}: nothing was measured`);
    const seconds: number[][] = contestants.map(() => []);
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      for (const [index, each] of processes.entries()) seconds[index]!.push((await each.ask({ steps: contestants[index]!.steps })).seconds);
    }
    report(
      contestants.map(({ name, steps }, index) =>
        row(
          name,
          seconds[index]!.map((each) => (steps * batchSize) / each),
        ),
      ),
    );
  } finally {
    for (const each of processes) each.end();
  }
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

function row(name: string, samples: readonly number[]): Row {
  const sorted = samples.toSorted((left, right) => left - right);
  return { name, imagesPerSecond: sorted[sorted.length >> 1]!, lowest: sorted[0]!, highest: sorted.at(-1)! };
}

function report(rows: readonly Row[]): void {
  const machine = { cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length, node: process.version };
  const ratio = rows[1]!.imagesPerSecond / rows[0]!.imagesPerSecond;
  const line = (cells: readonly string[]) =>
    console.log(cells.map((cell, index) => (index === 0 ? cell.padEnd(12) : cell.padStart(12))).join(''));
  console.log(`Seed GAN, batch ${batchSize}, both phases, wasm, one core; ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`);
  line(['', 'images/s', 'lowest', 'highest']);
  for (const { name, imagesPerSecond, lowest, highest } of rows)
    line([name, ...[imagesPerSecond, lowest, highest].map((each) => each.toFixed(0))]);
  console.log(`Lockstep is ${ratio.toFixed(1)} times as fast (medians of ${repeats} interleaved repeats).`);
  console.log(JSON.stringify({ benchmark: 'wasm', batchSize, repeats, machine, ratio, rows }));
}

await main();
