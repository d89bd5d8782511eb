/**
 * docs/faults.md, made from the table of faults and from what its tests came to. Responsible for the text, and for reading outcomes out of it
 * again; not for the file.
 */
import { type Fault, notSurvived } from './table.ts';

/** By the number of the fault: `survived`, or what was skipped or failed. */
export type Outcomes = ReadonlyMap<number, string>;

const introduction = `# Faults

<!-- Made from test/faults/table.ts by \`npm run test:faults -- --write\`, which runs every test it names. Do not edit. -->

What can go wrong with a run, what Lockstep does then, and which test shows it. Tests of real processes end by comparing weights (SHA-256) and
losses with those of a run that nothing disturbed. A column says what the tests came to when they were last run with \`--write\`.

    npm run test:faults                                           # everything below that needs real processes
    npm run test:faults -- --nemesis 30m --carrier shm --seed 7   # minutes of faults by chance; the same seed draws the same ones

To see it on a run of your own, while it trains with \`--spawn\`:

    npx --no -- coordinator chaos --run-dir runs/NAME --duration 300 --verify

It kills, stops and delays the run's local workers, says how it trained on (steps, seconds a step before and during, workers and shards that
were lost), and, when the run has ended, trains it again undisturbed and compares the weights. Whoever is stopped continues in the end, after
Ctrl-C too; no process that is not the run's is touched.

`;

/** The whole of docs/faults.md. */
export function documentFaults(faults: readonly Fault[], outcomes: Outcomes): string {
  const rows = faults.map((each) => {
    const cells = [each.id, each.fault, each.expected, shownBy(each), outcomes.get(each.id) ?? 'not run'];
    return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  });
  const table = ['| | fault | what happens | shown by | outcome |', '|---:|---|---|---|---|', ...rows].join('\n');
  const limits = `\n\n## What a run does not survive\n\n${notSurvived.map((sentence) => `- ${sentence}\n`).join('')}`;
  return `${introduction}${table}${limits}`;
}

function shownBy({ id, scenarios = {}, tests = [], untested }: Fault): string {
  const names = Object.keys(scenarios);
  const played = names.length === 0 ? [] : [`\`test/faults/faults.test.ts\`: ${id}, ${names.join('; ')}`];
  const others = tests.map(({ file, name }) => `\`${file}\`: ${shown(name)}`);
  return [...played, ...others, ...(untested === undefined ? [] : [`Not tested: ${untested}`])].join('<br>');
}

/** A name that is filled in differs from test to test. */
function shown(name: string): string {
  return name.replaceAll(/\$\{.*?\}/g, '…');
}

/** Those that a text made by `documentFaults` shows. */
export function outcomesIn(text: string): Outcomes {
  return new Map([...text.matchAll(/^\| (\d+) \|.* \| ([^|]+) \|$/gm)].map(([, id, outcome]) => [Number(id), outcome!]));
}
