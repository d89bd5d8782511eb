/** A simulated world: its run, its processes and what carries them. Made from a seed; nothing else decides anything. */
import type { RunSettings } from '@lockstep/shared';
import type { Runtime } from '../../packages/coordinator/src/runtime.ts';
import { createWorldClock, type Process, type WorldClock } from './clock.ts';
import type { Settings } from './coordinator.ts';
import { createDisk, type Disk } from './disk.ts';
import { createSimulatedNetwork, type Link, type SimulatedNetwork, usualDelayMs } from './network.ts';
import { createRandom, type Random } from './random.ts';
import { type Reference, referenceOf } from './reference.ts';
import { createTrace, type Trace } from './trace.ts';
import { recipeHash } from './training.ts';

/** What can be in trouble, and recovers. */
export interface Patient {
  process: Process | undefined;
  /** Faults that last, by kind. */
  readonly troubles: Set<string>;
  /** Since when nothing ails it; undefined while something does. */
  healthySinceMs: number | undefined;
}

/** `bit` 'NaN': an element that is not a number. */
export interface Lie {
  readonly bit: number | 'NaN';
  readonly isOnce: boolean;
}

/** Where a worker runs: when one has ended, a supervisor starts another. */
export interface Place extends Patient {
  readonly name: string;
  readonly link: Link;
  /** How many times longer than usual it computes. */
  slowness: number;
  /** Its next gradient, or every one, is wrong. */
  lie: Lie | undefined;
  hasLied: boolean;
  /** Asks the worker to stop, as SIGTERM does. */
  stop: (reason: string) => void;
  /** Workers started here so far. */
  lives: number;
  /** Since when the coordinator has not counted on the worker here. */
  strangerSinceMs: number | undefined;
}

/** Where the coordinator runs. */
export interface Head extends Patient {
  /** Once it serves. */
  runtime: Runtime | undefined;
  /** The round that must be committed next. */
  nextRound: number;
  /** Of the last commit, or of the moment from which the next one may be expected. */
  progressMs: number;
  hasGathered: boolean;
  /** Since when it has waited for workers, and whether enough were here nearly all that time; undefined while it does not. */
  waiting: { readonly sinceMs: number; hadEnough: boolean } | undefined;
}

export interface World {
  readonly settings: Settings;
  readonly random: Random;
  readonly clock: WorldClock;
  readonly trace: Trace;
  readonly network: SimulatedNetwork;
  readonly disk: Disk;
  readonly reference: Reference;
  readonly head: Head;
  readonly places: readonly Place[];
  /** Worker processes that have not ended. */
  readonly working: Set<Process>;
  born: number;
  /** That have happened so far. */
  faults: number;
  /** Somebody's NaN: twice in one round it could not be told from the round's own. */
  hadNaN: boolean;
  /** The run is complete, and safe on disk. */
  isOver: boolean;
  /** What a process failed with that it must not fail with. */
  failure: unknown;
}

export function createWorld(seed: number, tell?: (line: string) => void): World {
  const random = createRandom(seed);
  const clock = createWorldClock(random);
  const trace = createTrace(clock.nowMs, tell);
  const settings = drawSettings(random);
  const { seed: runSeed, batchSize, shardCount, onNonfinite = 'stop' } = settings.run;
  const spares = random.chance(25) ? 1 : 0;
  return {
    settings,
    random,
    clock,
    trace,
    network: createSimulatedNetwork(random, trace),
    disk: createDisk(),
    reference: referenceOf({ seed: runSeed, batchSize, shardCount, onNonfinite }),
    head: {
      process: undefined,
      troubles: new Set(),
      healthySinceMs: undefined,
      runtime: undefined,
      nextRound: 0,
      progressMs: 0,
      hasGathered: false,
      waiting: undefined,
    },
    places: Array.from({ length: settings.workersWanted + spares }, (_, index) => createPlace(`worker-${index}`)),
    working: new Set(),
    born: 0,
    faults: 0,
    hadNaN: false,
    isOver: false,
    failure: undefined,
  };
}

function createPlace(name: string): Place {
  return {
    name,
    link: { silent: false, delayMs: usualDelayMs, repeatPercent: 0 },
    slowness: 1,
    lie: undefined,
    hasLied: false,
    process: undefined,
    stop: () => {},
    lives: 0,
    strangerSinceMs: 0,
    troubles: new Set(),
    healthySinceMs: undefined,
  };
}

function drawSettings(random: Random): Settings {
  const shardCount = random.between(1, 6);
  const workersWanted = random.between(1, 4);
  // What is checked only now and then may let a lie pass: there nobody lies.
  const auditRate = workersWanted === 1 ? 0 : random.pick([0, 0, 0.5, 1, 1]);
  const run: RunSettings = {
    recipe: { name: 'simulated', hash: recipeHash },
    seed: random.between(1, 3),
    batchSize: random.pick([6, 7, 8]),
    shardCount,
    execution: 'graph',
    ...(random.chance(30) ? { onNonfinite: 'skip' } : {}),
  };
  const [totalSteps, minWorkers, checkpointEverySteps] = [
    random.between(1, 4),
    random.between(auditRate > 0 ? 2 : 1, workersWanted),
    random.between(0, 2),
  ];
  return {
    run,
    totalSteps,
    workersWanted,
    minWorkers,
    auditRate,
    checkpointEverySteps,
    // Where not by steps: at the end only, or by time.
    checkpointEveryMs: checkpointEverySteps === 0 && minWorkers === 1 ? 100 : undefined,
    gridEverySteps: random.between(0, 2),
  };
}

/** To be called whenever something that ails a patient comes or goes. */
export function examine(world: World, patient: Patient): void {
  const isWell =
    patient.troubles.size === 0 && patient.process !== undefined && ('runtime' in patient ? patient.runtime !== undefined : true);
  if (!isWell) patient.healthySinceMs = undefined;
  else patient.healthySinceMs ??= world.clock.nowMs();
}
