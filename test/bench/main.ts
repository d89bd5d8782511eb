/**
 * `npm run bench`: measures Lockstep beside its peers and prints the results. It never judges: no figure makes it fail.
 *
 * Responsible for: which benchmarks run, and where their reports go. Not responsible for: measuring (one file per benchmark).
 */
import { readFile, writeFile } from 'node:fs/promises';
import { runProgram } from '@lockstep/shared';
import { replaceBlock } from './document.ts';
import { kernels } from './kernels.ts';
import { large } from './large.ts';
import { busyWarning, describeMachine, machineLine } from './machine.ts';
import { observation } from './observation.ts';
import { type Options, parseOptions } from './options.ts';
import { markdownOf, type Report, textOf } from './report.ts';
import { scaling } from './scaling.ts';
import { stragglers } from './stragglers.ts';
import { synchronisation } from './synchronisation.ts';
import { strong, training } from './training.ts';
import { wasm } from './wasm.ts';

type Benchmark = (options: Options, say: (line: string) => void) => Promise<Report>;

const benchmarks: Readonly<Record<string, { readonly about: string; readonly run: Benchmark }>> = {
  training: { about: 'images/s of Lockstep and of PyTorch DDP, 128 images a worker', run: training },
  strong: { about: 'images/s of both with one global batch of 512', run: strong },
  synchronisation: { about: "one round's gather, sum and scatter, against Gloo's all_reduce", run: synchronisation },
  scaling: { about: 'cost of a step with 1 to 64 workers that sleep instead of computing', run: scaling },
  stragglers: { about: 'what one slow, pausing or frozen worker of four costs a step', run: stragglers },
  wasm: { about: "a worker's step on Lockstep's wasm backend against TF.js's own, and by kernel", run: wasm },
  large: { about: 'a round with networks of 100 MB and 1 GB: time, longest wait for /healthz, memory', run: large },
  kernels: { about: "the coordinator's sum and optimizer", run: kernels },
  observation: { about: "what metrics, page and trace add to the coordinator's processor time", run: observation },
};

const help = `npm run bench -- [names...] [options]

${Object.entries(benchmarks)
  .map(([name, { about }]) => `  ${name.padEnd(16)} ${about}`)
  .join('\n')}

  --quick            a short look: 40 steps, 2 repeats, fewer workers
  --repeats N        times each contestant is measured, in turn with the others [5]
  --workers N,N,...  numbers of workers [each benchmark's own]
  --steps N          training steps that are measured [600]
  --backends NAMES   Lockstep's backends to measure; tensorflow-eager is tensorflow with --execution eager [wasm,tensorflow]
  --carriers NAMES   ways for tensors to travel [shm,inline-ipc,inline-tcp]
  --python PATH      an interpreter that has PyTorch [python3]
  --json FILE        write every sample
  --markdown FILE    put the tables between the markers of this file

Close other programs first. Without names everything runs, which takes hours; --quick takes minutes.
`;

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const options = parseOptions(args, Object.keys(benchmarks));
  if (options.help) {
    process.stdout.write(help);
    return 0;
  }
  const machine = describeMachine();
  const warning = busyWarning(machine);
  const date = new Date().toISOString().slice(0, 10);
  process.stdout.write(`${machineLine(machine)}\n${warning === undefined ? '' : `${warning}\n`}`);
  const reports: (Report & { readonly seconds: number })[] = [];
  for (const name of options.names) {
    const startMs = performance.now();
    const say = (line: string): void =>
      void process.stderr.write(`[${name}, ${Math.round((performance.now() - startMs) / 1000)} s] ${line}\n`);
    const report = await benchmarks[name]!.run(options, say);
    reports.push({ ...report, seconds: Math.round((performance.now() - startMs) / 1000) });
    process.stdout.write(`\n== ${name} ==\n${textOf(report)}\n`);
    // After each, so that hours of measuring are not lost with the last benchmark.
    if (options.json !== undefined)
      await writeFile(options.json, `${JSON.stringify({ date, machine, args, options, reports }, null, 2)}\n`);
    if (options.markdown !== undefined)
      await publish(options.markdown, report, [`${date}, ${machineLine(machine)}.`, warning, commandLine(name, args)]);
  }
  return 0;
}

async function publish(path: string, report: Report, facts: readonly (string | undefined)[]): Promise<void> {
  const about = facts.filter((fact) => fact !== undefined).join('\n');
  await writeFile(path, replaceBlock(await readFile(path, 'utf8'), report.name, `${markdownOf(report)}\n\n${about}`));
}

/** What was typed, for this benchmark alone and without the paths of whoever ran it. */
function commandLine(name: string, args: readonly string[]): string {
  const paths = ['--python', '--json', '--markdown'];
  const shown = args.filter(
    (arg, index) => !(arg in benchmarks) && !paths.some((flag) => arg === flag || arg.startsWith(`${flag}=`) || args[index - 1] === flag),
  );
  return `Made by \`${['npm run bench --', name, ...shown].join(' ')}\`.`;
}

process.exitCode = await runProgram('bench', main);
