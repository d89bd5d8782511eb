/**
 * Faults drawn by chance, one after the other and several at a time, against a run of real processes, for as long as is asked. A seed draws
 * the same plan again; what the processes make of it depends on their timing too.
 *
 * Every fault that lasts ends by itself. Nothing else starts a process again, or mends a link.
 */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { errorTable } from '@lockstep/shared';
import type { Program } from '../e2e/harness.ts';
import { createRandom } from '../simulation/random.ts';
import type { Cluster } from './cluster.ts';
import { coordinator, type DeedName, deeds, type MangleName, placeOf, programOf, ruleOf, type Target } from './deeds.ts';

export interface Fault {
  /** Since the one before began. */
  readonly afterMs: number;
  readonly do: DeedName | MangleName;
  readonly to: Target;
  /** Milliseconds, or bytes per second. */
  readonly value?: number;
  /** Until it ends. */
  readonly forMs: number;
}

/** What ends a fault. */
const endings: Readonly<Partial<Record<Fault['do'], readonly DeedName[]>>> = {
  kill: ['start'],
  terminate: ['start'],
  stop: ['continue'],
  delay: ['heal'],
  throttle: ['heal'],
  silence: ['heal'],
  // Bytes are missing in the middle of its connections.
  mute: ['heal', 'reset'],
  reset: [],
  'fill disk': ['empty disk'],
};
/** Of single messages: so many of the next ones, both ways. */
const mangledMessages = 10;

const ofWorkers = [
  'kill',
  'kill',
  'terminate',
  'stop',
  'delay',
  'throttle',
  'silence',
  'mute',
  'reset',
  'duplicate',
  'replay',
  'postpone',
] as const;
const ofCoordinator = ['kill', 'kill', 'terminate', 'stop'] as const;

export interface PlanOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly workers: readonly string[];
  readonly hasDisk: boolean;
  /** Only workers and their links suffer. */
  readonly sparesCoordinator?: true;
}

export function drawPlan({ seed, durationMs, workers, hasDisk, sparesCoordinator }: PlanOptions): Fault[] {
  const random = createRandom(seed);
  const plan: Fault[] = [];
  const places = ['worker', 'worker', 'worker', ...(sparesCoordinator === true ? [] : ['coordinator']), ...(hasDisk ? ['disk'] : [])];
  for (let beginMs = 0; ;) {
    const afterMs = random.below(random.pick([300, 1500, 5000]));
    // Short ones end before anybody notices, long ones after every heartbeat.
    const forMs = 50 + random.below(random.pick([500, 3000, 9000]));
    beginMs += afterMs;
    if (beginMs + forMs > durationMs) return plan;
    const on = random.pick(places);
    if (on === 'disk') plan.push({ afterMs, do: 'fill disk', to: coordinator, forMs });
    else if (on === 'coordinator') plan.push({ afterMs, do: random.pick(ofCoordinator), to: coordinator, forMs });
    else {
      const drawn = random.pick(ofWorkers);
      const value = { delay: random.pick([20, 300, 1500]), throttle: random.pick([2_000, 50_000, 1_000_000]) };
      const to = random.pick(workers);
      if (drawn === 'delay' || drawn === 'throttle') plan.push({ afterMs, do: drawn, to, value: value[drawn], forMs });
      else plan.push({ afterMs, do: drawn, to, forMs });
    }
  }
}

export interface Raged {
  /** How many faults of each kind happened. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Carries a plan out. A fault is left out if its target still suffers from another one of the same kind: process, link or disk. */
export async function rage(cluster: Cluster, plan: readonly Fault[], say: (line: string) => void): Promise<Raged> {
  const suffering = new Set<string>();
  const counts: Record<string, number> = {};
  const underWay: Promise<void>[] = [];
  const startMs = performance.now();
  for (const fault of plan) {
    await pause(fault.afterMs);
    await checkAlive(cluster, suffering);
    const kind = `${partOf(fault)} ${fault.to}`;
    if (suffering.has(kind)) continue;
    suffering.add(kind);
    counts[fault.do] = (counts[fault.do] ?? 0) + 1;
    say(
      `${((performance.now() - startMs) / 1000).toFixed(1)} s: ${fault.do} ${fault.to}${fault.value === undefined ? '' : ` ${fault.value}`}, ${fault.forMs} ms`,
    );
    const lasting = last(cluster, fault).finally(() => suffering.delete(kind));
    // Told where it is awaited; a rejection must not end this process before.
    lasting.catch(() => {});
    underWay.push(lasting);
  }
  await Promise.all(underWay);
  await checkAlive(cluster, suffering);
  return { counts };
}

function partOf({ do: name }: Fault): string {
  if (name === 'fill disk') return 'disk';
  return name === 'kill' || name === 'terminate' || name === 'stop' ? 'process' : 'link';
}

async function last(cluster: Cluster, { do: name, to, value, forMs }: Fault): Promise<void> {
  const done = { to, ...(value === undefined ? {} : { value }) };
  if (name in deeds) await deeds[name as DeedName](cluster, done);
  else
    for (const type of ['work', 'result'] as const)
      placeOf(cluster, to).frames.rules.push(ruleOf(type, name as MangleName, 1, mangledMessages));
  await pause(forMs);
  for (const ending of endings[name] ?? []) await deeds[ending](cluster, done);
}

/**
 * Nobody may have ended by itself. What a supervisor would start again is started again: a coordinator whose disk is full, and workers of
 * one that was terminated, for whom the run is over.
 */
async function checkAlive(cluster: Cluster, suffering: ReadonlySet<string>): Promise<void> {
  for (const to of [coordinator, ...cluster.places.map(({ name }) => name)]) {
    if (suffering.has(`process ${to}`)) continue;
    const program = programOf(cluster, to);
    if (isRunning(program)) continue;
    const { code, signal } = await program.exited;
    if (to === coordinator && code === errorTable.disk.exitCode) await cluster.resume();
    else if (to !== coordinator && code === 0) placeOf(cluster, to).start();
    else assert.fail(`${to} ended by itself (${code ?? signal}):\n${program.output().slice(-4000)}`);
  }
}

function isRunning({ child }: Program): boolean {
  return child.exitCode === null && child.signalCode === null;
}
