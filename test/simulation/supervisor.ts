/** Starts the programs of a world, and starts them again when they end, as a supervisor of processes does. */
import assert from 'node:assert/strict';
import { checkWeights } from './checks.ts';
import { createProcess, type Process } from './clock.ts';
import { type End, joinTimeoutMs, runCoordinator } from './coordinator.ts';
import { mount, newestRound } from './disk.ts';
import { ailmentOf } from './training.ts';
import { startWorker } from './worker.ts';
import { examine, type Lie, type Place, type World } from './world.ts';

const second = 1000;
const troubles = ['worker-left', 'worker-failed', 'worker-refused', 'shards-reassigned', 'waiting', 'audit-differs', 'worker-wrong'];

export function startPlace(world: World, place: Place): void {
  const { random, network } = world;
  const process = newProcess(world, place.name);
  const stopRequested = new Promise<string>((stop) => Object.assign(place, { process, stop }));
  place.lives += 1;
  world.working.add(process);
  examine(world, place);
  const slowness = (): number => place.slowness;
  startWorker({
    name: place.name,
    process,
    link: place.link,
    network,
    random,
    slowness,
    wrongBit: () => wrongBit(world, place),
    stopRequested,
  })
    .then(({ code, reason }) => workerEnded(world, place, process, code, reason))
    .catch((error: unknown) => (world.failure ??= error));
}

/** Which bit of the gradient that is computed now is wrong, if one is. */
function wrongBit(world: World, place: Place): Lie['bit'] | undefined {
  const { lie } = place;
  if (lie === undefined) return undefined;
  place.hasLied = true;
  world.trace.note(`${place.name} computes a wrong bit`);
  if (lie.isOnce) place.lie = undefined;
  return lie.bit;
}

function workerEnded(world: World, place: Place, process: Process, code: string | undefined, reason: string): void {
  world.trace.note(`${process.name} ends: ${code ?? 'well'}, ${reason}`);
  // HELLOs of two lives may arrive in any order, and the later one wins.
  const isNamesake = code === 'refused' && place.lives > 1 && reason.includes('names must be unique');
  const isFoundOut = code === 'numerics-mismatch' && place.hasLied;
  assert.ok(
    code === undefined || code === 'coordinator-unreachable' || isNamesake || isFoundOut,
    `${process.name} ends with ${code}: ${reason}`,
  );
  process.kill();
  world.working.delete(process);
  const others = [...world.working].filter((other) => other !== place.process && other.name.startsWith(`${place.name}.`));
  if (others.length === 0) place.troubles.delete('twin');
  if (place.process === process) {
    place.process = undefined;
    world.clock.after(world.random.between(1, 10) * second, () => {
      if (place.process === undefined && !place.troubles.has('dead') && !world.isOver) startPlace(world, place);
    });
  }
  examine(world, place);
}

export function startHead(world: World): void {
  const { head, settings, network, trace, random } = world;
  const process = newProcess(world, 'coordinator');
  head.process = process;
  trace.note(`${process.name} starts`);
  const disk = mount(world.disk, process, random, trace);
  runCoordinator({
    settings,
    process,
    disk,
    network,
    started(runtime, round) {
      trace.note(`${process.name} serves at round ${round}`);
      Object.assign(head, { runtime, nextRound: round, progressMs: world.clock.nowMs(), hasGathered: false, waiting: undefined });
      examine(world, head);
    },
    recorded(event) {
      trace.note(`events.jsonl: ${event}`);
      const isTrouble = troubles.includes(event);
      if (event === 'round-skipped') skipped(world);
      assert.ok(!isTrouble || world.faults > 0, `${event}, although nothing has gone wrong yet`);
    },
    committed: (runtime) => {
      assert.equal(runtime.state.cursor.round, head.nextRound, 'rounds commit once, in order');
      head.nextRound += 1;
      head.progressMs = world.clock.nowMs();
      trace.note(`round ${runtime.state.cursor.round} is committed`);
      checkWeights(runtime.model()!.values(), head.nextRound, world.reference);
    },
  })
    .then((end) => headEnded(world, process, end))
    .catch((error: unknown) => (world.failure ??= error));
}

/** The core has moved on already. */
function skipped({ head, clock, reference, settings }: World): void {
  assert.ok(ailmentOf(settings.run, head.nextRound) !== undefined, `round ${head.nextRound} is left out, and nothing is wrong with it`);
  head.nextRound += 1;
  head.progressMs = clock.nowMs();
  assert.equal(head.runtime!.state.cursor.round, head.nextRound, 'one round is left out at a time');
  checkWeights(head.runtime!.model()!.values(), head.nextRound, reference);
}

function headEnded(world: World, process: Process, end: End): void {
  const { head, trace, clock, random } = world;
  trace.note(`${process.name} ends: ${end}`);
  const expected = ['done', 'stopped', 'disk', 'workers-missing', ...(world.places.some(({ hasLied }) => hasLied) ? ['audit-failed'] : [])];
  assert.ok(expected.includes(end), `the coordinator ends with ${end}`);
  if (end === 'workers-missing') {
    assert.ok(!head.waiting!.hadEnough, 'it misses workers that are here');
    assert.ok(clock.nowMs() - head.waiting!.sinceMs >= joinTimeoutMs, 'it has not waited for as long as it should');
  }
  // The cursor is checkpointed, in the middle of a step too, if there was a model yet.
  if (end === 'stopped' && head.runtime?.model() !== undefined)
    assert.equal(newestRound(world.disk), head.nextRound, 'of the round it stopped at');
  process.kill();
  Object.assign(head, { process: undefined, runtime: undefined });
  examine(world, head);
  if (end === 'done') world.isOver = true;
  else
    clock.after(random.between(1, 10) * second, () => void (head.process === undefined && !head.troubles.has('dead') && startHead(world)));
}

function newProcess(world: World, name: string): Process {
  world.born += 1;
  return createProcess(`${name}.${world.born}`, world.clock, world.random.below(1e6));
}
