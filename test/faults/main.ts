/**
 * `npm run test:faults`: the fault suite in full. `-- --write`: every test that the table names, and docs/faults.md (`--only 3,7`: of
 * these faults). `-- --nemesis 30m --carrier shm --seed 7`: a long nemesis, and nothing else.
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../e2e/harness.ts';
import { documentFaults, outcomesIn } from './document.ts';
import { findOutcomes } from './outcomes.ts';
import { faults } from './table.ts';

const { values } = parseArgs({
  options: {
    /** How long: `90s`, `30m`, `8h`. */
    nemesis: { type: 'string' },
    /** shm, inline, mixed, or several with commas. */
    carrier: { type: 'string', default: 'shm,inline,mixed' },
    seed: { type: 'string' },
    write: { type: 'boolean', default: false },
    /** With --write: the faults to run, 3,7,12. The others keep what the document says. */
    only: { type: 'string' },
  },
});

const secondsOf = { s: 1, m: 60, h: 3600 } as const;

function nemesisVariables(duration: string): NodeJS.ProcessEnv {
  const [, number, unit] = /^(\d+)([smh])$/.exec(duration) ?? [];
  const carriers = values.carrier.split(',');
  const seed = values.seed ?? String(randomInt(2 ** 31));
  if (number === undefined || !carriers.every((each) => ['shm', 'inline', 'mixed'].includes(each)) || !/^\d{1,9}$/.test(seed)) {
    console.error('npm run test:faults -- --nemesis 90s|30m|8h [--carrier shm,inline,mixed] [--seed NUMBER]');
    process.exit(2);
  }
  return {
    LOCKSTEP_NEMESIS_SECONDS: String(Number(number) * secondsOf[unit as keyof typeof secondsOf]),
    LOCKSTEP_NEMESIS_CARRIER: values.carrier,
    LOCKSTEP_NEMESIS_SEED: seed,
  };
}

if (values.write) await write();
else test();

async function write(): Promise<void> {
  const path = join(root, 'docs/faults.md');
  process.env['LOCKSTEP_ALL_FAULTS'] = '1';
  const ids = values.only?.split(',').map(Number);
  const ran = await findOutcomes(
    faults.filter(({ id }) => ids?.includes(id) ?? true),
    (line) => console.log(line),
  );
  const earlier = outcomesIn(await readFile(path, 'utf8').catch(() => ''));
  await writeFile(path, documentFaults(faults, new Map([...earlier, ...ran])));
  process.exitCode = [...ran.values()].some((outcome) => outcome.startsWith('failed')) ? 1 : 0;
}

function test(): void {
  const files = values.nemesis === undefined ? 'test/faults' : 'test/faults/nemesis.test.ts';
  const env = { ...process.env, ...(values.nemesis === undefined ? {} : nemesisVariables(values.nemesis)) };
  const { status } = spawnSync(process.execPath, ['scripts/test.mjs', '--full', files], { cwd: root, stdio: 'inherit', env });
  process.exitCode = status ?? 1;
}
