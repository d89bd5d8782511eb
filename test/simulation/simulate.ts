/** Lives a world through, event by event, and checks it after each: until the run has ended, and everybody with it. */
import assert from 'node:assert/strict';
import { stepName } from '../../packages/coordinator/src/checkpoint/name.ts';
import { nextDeadlineMs } from '../../packages/coordinator/src/core/deadline.ts';
import { checkCheckpoint, checkLosses, checkState, must } from './checks.ts';
import { joinTimeoutMs, workerTimeoutMs } from './coordinator.ts';
import { scheduleFaults } from './faults.ts';
import { startHead, startPlace } from './supervisor.ts';
import { createWorld, type World } from './world.ts';

export interface Lived {
  readonly events: number;
  readonly seconds: number;
  /** Equal for equal seeds. */
  readonly hash: string;
}

/** A world that broke its rules, and how to see it again. */
export class WorldFailure extends Error {
  constructor(seed: number, reason: unknown, last: readonly string[]) {
    const why = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
    super(`World ${seed} fails. See it again with: npm run test:sim -- --seed ${seed}\n${last.join('\n')}\n${why}`);
  }
}

/** No world takes nearly as many. */
const maximumEvents = 100_000;

/** `tell` gets a line for everything that happens. Throws `WorldFailure`. */
export async function simulate(seed: number, tell?: (line: string) => void): Promise<Lived> {
  const world = createWorld(seed, tell);
  const unhandled = (error: unknown): void => void (world.failure ??= error);
  process.on('unhandledRejection', unhandled);
  try {
    return await live(world);
  } catch (error) {
    throw new WorldFailure(seed, error, world.trace.last());
  } finally {
    process.off('unhandledRejection', unhandled);
  }
}

async function live(world: World): Promise<Lived> {
  const { clock, trace, random } = world;
  const examined: Examined = { losses: 0, checkpoints: new Map() };
  startHead(world);
  for (const place of world.places) {
    // Some come when nobody waits for them any more.
    const comesMs = random.below(random.chance(5) ? 1_200_000 : 3000);
    clock.after(comesMs, () => void (place.process === undefined && !world.isOver && startPlace(world, place)));
  }
  scheduleFaults(world);
  let events = 0;
  for (; clock.runNext(); events += 1) {
    await everythingBegun();
    if (world.failure !== undefined) throw world.failure;
    checkAll(world, examined);
    must(events < maximumEvents, () => `the run has not ended after ${events} events`);
  }
  assert.ok(world.isOver, 'nothing is under way any more, and the run is not over');
  assert.deepEqual(
    [...world.working].map(({ name }) => name),
    [],
    'workers that wait for ever after the run',
  );
  assert.equal(world.disk.losses.length, world.settings.totalSteps, 'lines of losses.jsonl');
  assert.ok(world.disk.checkpoints.has(stepName(world.settings.totalSteps)), 'the run is over without a checkpoint of its end');
  return { events, seconds: clock.nowMs() / 1000, hash: trace.hash() };
}

/** Until every program waits for time to move: they may themselves wait for turns of the event loop (`compute/jobs.ts`). */
async function everythingBegun(): Promise<void> {
  do await new Promise((resolve) => void setImmediate(resolve));
  while (process.getActiveResourcesInfo().includes('Immediate'));
}

/** What was found right before, and has not changed since. */
interface Examined {
  losses: number;
  readonly checkpoints: Map<string, unknown>;
}

function checkAll(world: World, examined: Examined): void {
  const { head, disk, reference, clock, working } = world;
  if (head.runtime !== undefined) checkState(head.runtime.state, reference, world.faults > 0);
  checkLosses(disk.losses, Math.min(examined.losses, disk.losses.length), reference);
  examined.losses = disk.losses.length;
  for (const [name, files] of disk.checkpoints) {
    if (examined.checkpoints.get(name) !== files) checkCheckpoint(disk, name, reference);
    examined.checkpoints.set(name, files);
  }
  must(clock.pending() <= 40 * (2 + working.size + world.places.length), () => `${clock.pending()} things are under way`);
  checkDeadline(world);
  noteWait(world);
  checkMembers(world);
  checkProgress(world);
}

/** Whoever is well, as the coordinator is, soon takes part: they never wait for each other to speak. */
function checkMembers({ head, places, clock }: World): void {
  const state = head.runtime?.state;
  if (state === undefined || state.stage === 'ended') return;
  for (const place of places) {
    if (state.wrong.has(place.name)) continue;
    const member = place.process === undefined ? undefined : state.workers.get(place.process.name);
    const stage = member?.stage;
    if (stage === 'idle' || (stage === 'working' && member!.shards.length > 0)) place.strangerSinceMs = undefined;
    else place.strangerSinceMs ??= clock.nowMs();
    const sinceMs = Math.max(place.strangerSinceMs ?? Infinity, place.healthySinceMs ?? Infinity, head.healthySinceMs ?? Infinity);
    must(clock.nowMs() - sinceMs <= 30_000, () => `${place.name} has been well for 30 s, and is not a member (${stage})`);
  }
}

function isWrong({ runtime }: World['head'], name: string): boolean {
  return runtime?.state.wrong.has(name) ?? false;
}

/** For the end of a coordinator that misses workers (`supervisor.ts`). */
function noteWait({ head, places, settings, clock }: World): void {
  const stage = head.runtime?.state.stage;
  if (stage === 'training') head.waiting = undefined;
  if (stage !== 'gathering' && stage !== 'starved') return;
  head.waiting ??= { sinceMs: clock.nowMs(), hadEnough: false };
  const sinceMs = head.waiting.sinceMs + 20_000;
  const lasting = places.filter(
    ({ name, healthySinceMs }) => !isWrong(head, name) && healthySinceMs !== undefined && healthySinceMs < sinceMs,
  );
  head.waiting.hadEnough = (head.healthySinceMs ?? Infinity) < sinceMs && lasting.length >= settings.minWorkers;
}

/** The runtime ticks when the core's deadline comes. */
function checkDeadline({ head: { runtime, process, healthySinceMs }, clock }: World): void {
  if (runtime === undefined || process === undefined || healthySinceMs === undefined || runtime.state.stage === 'ended') return;
  const lateMs = Math.min(process.clock.nowMs() - nextDeadlineMs(runtime.state)!, clock.nowMs() - healthySinceMs);
  must(lateMs <= 5, () => `a deadline passed ${lateMs} ms ago, and nobody noticed`);
}

/** I7: with enough workers that nothing ails, rounds are committed, each within a bounded time. */
function checkProgress({ head, places, settings, clock, isOver }: World): void {
  const { runtime, healthySinceMs } = head;
  if (isOver || runtime === undefined || healthySinceMs === undefined || runtime.state.stage === 'ended') return;
  const isGathering = runtime.state.stage === 'gathering';
  if (!isGathering && !head.hasGathered) Object.assign(head, { hasGathered: true, progressMs: clock.nowMs() });
  const healthy = places
    .flatMap(({ name, healthySinceMs }) => (isWrong(head, name) ? [] : (healthySinceMs ?? [])))
    .toSorted((a, b) => a - b);
  if (healthy.length < settings.minWorkers) return;
  const sinceMs = Math.max(head.progressMs, healthySinceMs, healthy[settings.minWorkers - 1]!);
  const ailing = places.length - healthy.filter((wellSinceMs) => wellSinceMs <= sinceMs).length;
  const boundMs = 30_000 + workerTimeoutMs * (1 + ailing) + (isGathering ? joinTimeoutMs : 0);
  const waitedMs = clock.nowMs() - sinceMs;
  must(
    waitedMs <= boundMs,
    () => `round ${head.nextRound} is not committed after ${waitedMs / 1000} s with ${healthy.length} healthy workers`,
  );
}
