/**
 * `npm run test:sim`: many worlds (`-- --worlds N --from SEED`), on every core; `-- --seed N`: one world, with all that happened in it; `-- --planted`: is every bug of
 * `planted-bugs.ts` found?
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { plantedBugs } from './planted-bugs.ts';
import { huntPlantedBugs } from './planted.ts';
import { simulate } from './simulate.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    worlds: { type: 'string', default: '10000' },
    /** The first world's seed. */
    from: { type: 'string', default: '1' },
    planted: { type: 'boolean', default: false },
    /** One of several processes: which one, of how many. */
    share: { type: 'string' },
  },
});
const worlds = Number(values.worlds);
const from = Number(values.from);

if (values.planted) hunt();
else if (values.seed !== undefined) await replay(Number(values.seed));
else if (values.share !== undefined) await liveShare(values.share);
else await liveAll(availableParallelism());

function hunt(): void {
  const found = huntPlantedBugs({ bugs: plantedBugs, worlds, say: (line) => console.log(line) });
  console.log(`${found} of ${plantedBugs.length} planted bugs are found.`);
  process.exitCode = found === plantedBugs.length ? 0 : 1;
}

async function replay(seed: number): Promise<void> {
  const { events, seconds, hash } = await simulate(seed, (line) => console.log(line));
  console.log(`World ${seed} holds: ${events} events in ${seconds.toFixed(0)} simulated seconds, trace ${hash.slice(0, 12)}.`);
}

/** Every so many of the worlds. The first that fails ends it. */
async function liveShare(share: string): Promise<void> {
  const [index, count] = share.split('/').map(Number) as [number, number];
  for (let seed = from + index; seed < from + worlds; seed += count) await simulate(seed);
}

async function liveAll(processes: number): Promise<void> {
  const startMs = performance.now();
  const children = Array.from({ length: processes }, (_, index) => startShare(`${index}/${processes}`));
  const codes = await Promise.all(
    children.map(async (child) => {
      const code = await new Promise((resolve) => child.once('exit', resolve));
      // One failure is enough to look at.
      if (code !== 0) for (const other of children) other.kill();
      return code;
    }),
  );
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
  if (process.exitCode === 0) console.log(`${worlds} worlds hold: ${seconds} s in ${processes} processes.`);
}

function startShare(share: string): ChildProcess {
  const options = ['--worlds', String(worlds), '--from', String(from), '--share', share];
  return spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), ...options], { stdio: 'inherit' });
}
