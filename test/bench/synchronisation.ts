/**
 * Benchmark `synchronisation`: one round of 4.6 MB between N processes, without computing and without an optimizer.
 *
 * Lockstep: the coordinator sends a flat to N workers, each answers with a flat, the coordinator adds them in the tree; its own transport,
 * messages, carrier and sum (`synchronisation-hub.ts`). Gloo: `all_reduce` of the same bytes (`peers/gloo_all_reduce.py`).
 * After either, every process could continue: Lockstep's next round delivers the sum. Rounds run back to back, so latency counts.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { carrierFault, type CarrierEntry } from './carriers.ts';
import type { Options } from './options.ts';
import { kill, lastLines, forkFile, type Forked, type Program, start } from './processes.ts';
import { findPyTorch, peer, type PyTorch } from './pytorch.ts';
import type { Report } from './report.ts';
import { spreadOf, withRange } from './statistics.ts';
import type { Answer, Request } from './synchronisation-hub.ts';
import { type Contestant, skipNotes, takeTurns } from './turns.ts';

/** Parameters of the seed GAN's two networks together: what one step moves each way, 4.6 MB. */
export const elements = 566_273 + 579_728;
/** Rounds back to back; more would overflow Gloo's sums (see its script). */
const roundsPerSample = 20;
const samplesPerRepeat = 3;

export async function synchronisation(options: Options, say: (line: string) => void): Promise<Report> {
  const counts = options.workers ?? [1, 2, 4, 8];
  const found = await findPyTorch(options.python);
  const contestants = counts.flatMap((workers) => [
    ...options.carriers.map((carrier) => lockstepContestant(carrier, workers)),
    glooContestant(workers, options.python, found),
  ]);
  const { measured, skipped } = await takeTurns(contestants, options.repeats * samplesPerRepeat, say);
  const names = [...new Set(measured.map(({ name }) => name))];
  const cell = (name: string, workers: number): string => {
    const each = measured.find((candidate) => candidate.name === name && candidate.workers === workers);
    return each === undefined ? '-' : withRange(spreadOf(each.samples), 1);
  };
  const table = {
    caption: `Milliseconds a round: median (range) of samples of ${roundsPerSample} rounds back to back`,
    columns: ['ms', ...counts.map((workers) => (workers === 1 ? '1 worker' : `${workers} workers`))],
    rows: names.map((name) => [name, ...counts.map((workers) => cell(name, workers))]),
  };
  return {
    name: 'synchronisation',
    title: `One round's synchronisation: gather, sum and scatter ${((elements * 4) / 1e6).toFixed(1)} MB between one coordinator and one process a worker (Gloo: between the workers), no computing, no optimizer.`,
    tables: [table],
    notes: [...(typeof found === 'string' ? [] : [`PyTorch ${found.version}.`]), ...skipNotes(skipped)],
    results: [...measured.map((each) => ({ ...each, unit: 'ms', ...spreadOf(each.samples) })), ...skipped],
  };
}

/** Milliseconds a round. */
function lockstepContestant(carrier: CarrierEntry, workers: number): Contestant<number> {
  let hub: Forked<Request, Answer> | undefined;
  const measure = async (): Promise<number> => (1000 * (await hub!.ask({ rounds: roundsPerSample })).seconds) / roundsPerSample;
  return {
    name: `Lockstep ${carrier.name}`,
    workers,
    burnIn: async () => {
      const fault = carrierFault(carrier);
      if (fault !== undefined) return fault;
      hub = forkFile('synchronisation-hub.ts', [carrier.name, String(workers), String(elements)]);
      await measure();
      return undefined;
    },
    measure,
    end: async () => hub?.end(),
  };
}

function glooContestant(workers: number, python: string, found: PyTorch | string): Contestant<number> {
  let gloo: { ask(rounds: number): Promise<number>; end(): Promise<void> } | undefined;
  const measure = async (): Promise<number> => (1000 * (await gloo!.ask(roundsPerSample))) / roundsPerSample;
  return {
    name: 'Gloo all_reduce',
    workers,
    burnIn: async () => {
      if (typeof found === 'string') return found;
      gloo = startGloo(python, workers);
      await measure();
      return undefined;
    },
    measure,
    end: async () => gloo?.end(),
  };
}

function startGloo(python: string, workers: number): { ask(rounds: number): Promise<number>; end(): Promise<void> } {
  const args = [peer('gloo_all_reduce.py'), '--workers', String(workers), '--elements', String(elements)];
  const program: Program = start(python, args, { input: true });
  const lines = createInterface({ input: program.child.stdout! });
  const broken = program.ended.then(({ code, signal }): never => {
    throw new Error(`${program.command}\nended with ${code ?? signal}:\n${lastLines(program)}`);
  });
  broken.catch(() => undefined);
  return {
    async ask(rounds) {
      program.child.stdin!.write(`${rounds}\n`);
      const [line] = (await Promise.race([once(lines, 'line'), broken])) as [string];
      return (JSON.parse(line) as { seconds: number }).seconds;
    },
    async end() {
      program.child.stdin!.end();
      await kill(program.child, program.ended, 10_000);
    },
  };
}
