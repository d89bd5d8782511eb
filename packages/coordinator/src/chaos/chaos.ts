/** `coordinator chaos`: kills, stops and delays the workers of a run that trains now, and says what came of it. */
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  checkGiven,
  createLog,
  defaultsOf,
  type Log,
  LockstepError,
  parseCommandLine,
  real,
  stopSignals,
  text,
  truth,
  type ValuesOf,
  version,
  whole,
} from '@lockstep/shared';
import { readSummary } from '../run/run-directory.ts';
import { drawActs } from './acts.ts';
import { type LiveRun, openLiveRun } from './live-run.ts';
import { createPaceMeter, type PaceMeter } from './steps.ts';
import { createTormentor } from './tormentor.ts';
import { verdictOf } from './verdict.ts';
import { verify } from './verify.ts';

const interval = real(0, 24 * 3600);
export const chaosTable = {
  runDir: { type: 'string', default: undefined, describe: 'directory of a run that trains now on this machine, with --spawn', check: text },
  duration: { type: 'number', default: 60, describe: 'seconds', check: real(1, 7 * 24 * 3600) },
  killEvery: {
    type: 'number',
    default: 20,
    describe: 'seconds from one kill -9 of a worker to the next, on average (0: none)',
    check: interval,
  },
  stopEvery: {
    type: 'number',
    default: 20,
    describe: 'seconds from one stop of a worker to the next; each lasts up to 10 s, longer than heartbeats wait (0: none)',
    check: interval,
  },
  delayEvery: {
    type: 'number',
    default: 5,
    describe: 'seconds from one delay of a worker to the next; each lasts up to 1 s (0: none)',
    check: interval,
  },
  seed: { type: 'number', default: 1, describe: 'the same seed draws the same faults', check: whole(0, Number.MAX_SAFE_INTEGER) },
  verify: {
    type: 'boolean',
    default: false,
    describe: 'when the run has ended, train it again undisturbed, and compare the weights',
    check: truth,
  },
} as const;
type Options = ValuesOf<typeof chaosTable>;
const usage = {
  name: 'coordinator chaos',
  synopsis: 'coordinator chaos --run-dir DIR [options]',
  purpose: 'Kills, stops and delays the local workers of a run that trains now, and says whether it trained on.',
  examples: [['coordinator chaos --run-dir runs/mine --duration 300 --verify', 'five minutes of it, and a proof']],
  version,
} as const;
const pollMs = 50;
/** For the pace before, and for the first step after. */
const calmMs = 5000;
const patienceMs = 120_000;

export async function chaos(argv: readonly string[]): Promise<number> {
  const options = { ...defaultsOf(chaosTable), ...checkGiven(chaosTable, await parseCommandLine(argv, chaosTable, usage)) };
  const { stdout } = process;
  const log = createLog({ level: 'info', destination: { write: (line) => void stdout.write(line), isTTY: stdout.isTTY } });
  const { path, run } = await findRun(options);
  const stopping = new AbortController();
  void stopSignals(log).then(() => stopping.abort());
  const meter = createPaceMeter();
  const watching = watch(run, meter);
  try {
    await torment(run, options, meter, log, stopping.signal);
  } finally {
    await watching.end();
  }
  const again = `npx --no -- coordinator --config ${path}/config.json --spawn --steps`;
  if (!options.verify || stopping.signal.aborted) {
    log.info(`To compare: when the run is done, this trains it again and prints the same hashes: ${again} STEPS`);
    return 0;
  }
  // A run that is stopped may be resumed.
  log.info('Waiting until the run is complete (Ctrl-C ends this).');
  while (!stopping.signal.aborted && !(await isComplete(path, run))) await pause(1000, stopping.signal);
  if (stopping.signal.aborted) return 0;
  const hashes = await verify(path, log.info);
  for (const [network, hash] of Object.entries(hashes)) log.info(`Weights of ${network}: sha256 ${hash}, as undisturbed`);
  return 0;
}

async function isComplete(path: string, run: LiveRun): Promise<boolean> {
  await run.refresh();
  return (await run.coordinator()) === undefined && (await readSummary(path)) !== undefined;
}

/** Throws `usage` where nothing can be done. */
async function findRun({ runDir }: Options): Promise<{ path: string; run: LiveRun }> {
  if (process.platform !== 'linux') throw new LockstepError('usage', 'coordinator chaos needs Linux: it knows processes from /proc.');
  if (runDir === undefined) throw new LockstepError('usage', 'coordinator chaos takes the directory of a run: --run-dir DIR.');
  const path = resolve(runDir);
  const run = openLiveRun(path);
  await run.refresh();
  if ((await run.coordinator()) === undefined)
    throw new LockstepError('usage', `Nobody trains the run in ${path} on this machine now: start it first, in another terminal.`);
  if ((await run.victims()).length === 0)
    throw new LockstepError(
      'usage',
      `The run in ${path} has no worker that its coordinator started (--spawn): others would not be started again.`,
    );
  return { path, run };
}

function watch(run: LiveRun, meter: PaceMeter): { end(): Promise<void> } {
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      await run.refresh();
      meter.seen(run.happened().steps, performance.now());
      await pause(pollMs, over.signal);
    }
  })();
  return {
    async end() {
      over.abort();
      await watching;
    },
  };
}

async function torment(run: LiveRun, options: Options, meter: PaceMeter, log: Log, stop: AbortSignal): Promise<void> {
  const { seed, killEvery, stopEvery, delayEvery, duration } = options;
  log.info('Watching the run for five seconds first.');
  await pause(calmMs, stop);
  const before = meter.take(performance.now());
  const from = run.happened();
  const everyMs = { kill: killEvery * 1000, stop: stopEvery * 1000, delay: delayEvery * 1000 };
  const tormentor = createTormentor(run, log.info);
  const startMs = performance.now();
  const left = (atMs: number): number => Math.max(0, startMs + atMs - performance.now());
  try {
    for (const act of drawActs({ seed, durationMs: duration * 1000, everyMs })) {
      await pause(left(act.atMs), stop);
      if (stop.aborted || (await run.coordinator()) === undefined) break;
      await tormentor.perform(act);
    }
    if ((await run.coordinator()) !== undefined) await pause(left(duration * 1000), stop);
  } finally {
    await tormentor.release();
  }
  await oneMoreStep(run, stop);
  const during = meter.take(performance.now());
  for (const line of verdictOf({ done: tormentor.done(), from, to: run.happened(), before, during })) log.info(line);
}

/** Throws `workers-missing` if the run does not go on. One that has ended has nothing to go on with. */
async function oneMoreStep(run: LiveRun, stop: AbortSignal): Promise<void> {
  const { steps } = run.happened();
  const deadlineMs = performance.now() + patienceMs;
  while (run.happened().steps === steps && !stop.aborted && (await run.coordinator()) !== undefined) {
    if (performance.now() > deadlineMs)
      throw new LockstepError(
        'workers-missing',
        `The run has done no step in the ${patienceMs / 1000} s since the last fault: see its coordinator.log. This is a bug of Lockstep: please report it with the run directory.`,
      );
    await pause(pollMs, stop);
  }
}

/** Ends early, and never fails, when the signal comes. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => {});
}
