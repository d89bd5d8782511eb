/**
 * The timeline of a run, for `--trace`: what the coordinator and every worker did when, on one clock. Made from the core's events and effects
 * and from the times that workers put into their answers. docs/timeline.md explains the lanes.
 *
 * Not responsible for: the format (`trace-file.ts`), or how clocks compare (`worker-clock.ts`).
 */
import { join } from 'node:path';
import type { Clock, Log, PeerId, WorkTimes } from '@lockstep/shared';
import type { Effect } from '../../core/effects.ts';
import type { Event } from '../../core/events.ts';
import type { Plan } from '../../core/plan.ts';
import { createTraceFile, type Lane, type TraceFile } from './trace-file.ts';
import { createWorkerClock, type WorkerClock } from './worker-clock.ts';

export interface Trace {
  /** Before the core sees it. */
  event(event: Event, atMs: number): void;
  /** After it was carried out. */
  effect(effect: Effect, startMs: number, endMs: number): void;
  /** Resolves when what the disk takes is written. */
  close(): Promise<void>;
}

export interface TraceOptions {
  readonly plan: Plan;
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** More than viewers open with ease helps nobody: these are about ten thousand steps with four workers. */
  readonly maximumBytes?: number;
}

/** One life of a worker process, from its HELLO on. */
interface Peer {
  readonly name: string;
  readonly helloMs: number;
  readonly clock: WorkerClock;
  /** Its group of lanes, once it takes part. */
  process: number | undefined;
  /** What it owes an answer to. */
  work: Assigned | undefined;
  /** When its last answer left, by the coordinator's clock. */
  answeredMs: number | undefined;
}

type Assign = Extract<Effect, { do: 'assign' }>;
type Assigned = Assign & { readonly sentMs: number };

const steps: Lane = { process: 1, thread: 1 };
const loop: Lane = { process: 1, thread: 2 };

export function createTrace({ plan, directory, clock, log, maximumBytes = 128 * 1024 * 1024 }: TraceOptions): Trace {
  const name = plan.term === 1 ? 'trace.json' : `trace.term-${plan.term}.json`;
  const file = createTraceFile(join(directory, name), { clock, log, maximumBytes });
  file.group(1, 'coordinator', ['steps', 'loop']);
  const workers = createWorkerLanes(file, plan);
  const rounds = createRoundLane(file, plan);
  return {
    event(event, atMs) {
      const late = workers.event(event, atMs);
      if (late !== undefined) rounds.answered(late, atMs);
    },
    effect(effect, startMs, endMs) {
      traceLoop(file, effect, startMs, endMs, workers.nameOf);
      workers.effect(effect, startMs, endMs);
      rounds.effect(effect, startMs, endMs);
    },
    close: file.close,
  };
}

/** What keeps the coordinator's only thread busy. */
function traceLoop(file: TraceFile, effect: Effect, startMs: number, endMs: number, nameOf: (peer: PeerId) => string): void {
  switch (effect.do) {
    case 'assign': {
      const { to, workId, shards, sends } = effect;
      return file.span(loop, 'assign', startMs, endMs, { worker: nameOf(to), workId, shards, sends });
    }
    case 'accept':
      return file.span(loop, 'reduce', startMs, endMs, { shards: effect.outcomes.map(({ shard }) => shard) });
    case 'commit':
      return file.span(loop, 'apply', startMs, endMs, { round: effect.cursor.round });
    case 'checkpoint':
      return file.span(loop, 'checkpoint snapshot', startMs, endMs, { step: effect.cursor.step });
    case 'save-grid':
      return file.span(loop, 'draw grid', startMs, endMs, { step: effect.step });
    case 'record':
      return file.instant(steps, effect.entry.event, startMs, effect.entry);
    default:
  }
}

/** Steps, the rounds within them, and for whom a round waited last. */
function createRoundLane(file: TraceFile, { phases }: Plan) {
  let stepStartMs: number | undefined;
  let begun: { readonly startMs: number; assignedMs: number; answeredMs: number; last: string } | undefined;
  const end = (name: string, endMs: number, args: object): void => {
    if (begun === undefined) return;
    const { startMs, assignedMs, answeredMs, last } = begun;
    file.span(steps, name, startMs, endMs, { ...args });
    // Work that was assigned again after the last answer leaves no such wait.
    if (answeredMs >= assignedMs) file.span(steps, 'wait', assignedMs, answeredMs, { last });
    begun = undefined;
  };
  return {
    answered(worker: string, atMs: number) {
      if (begun !== undefined) [begun.answeredMs, begun.last] = [atMs, worker];
    },
    effect(effect: Effect, startMs: number, endMs: number) {
      switch (effect.do) {
        case 'begin':
          begun = { startMs, assignedMs: endMs, answeredMs: -Infinity, last: '' };
          if (effect.task === 'gradient') stepStartMs ??= startMs;
          return;
        case 'assign':
          if (begun !== undefined) begun.assignedMs = endMs;
          return;
        case 'commit': {
          const { step, phase, round } = effect.cursor;
          return end(phases[phase]!.name, endMs, { step: step + 1, round });
        }
        case 'save-grid':
          return end('grid', endMs, { step: effect.step });
        case 'complete-step':
          file.span(steps, `step ${effect.cursor.step}`, stepStartMs ?? startMs, endMs);
          stepStartMs = undefined;
          return;
        default:
      }
    },
  };
}

/** Two lanes for each worker: what it does, and what is on its way to it and back. */
function createWorkerLanes(file: TraceFile, { term }: Plan) {
  const peers = new Map<PeerId, Peer>();
  /** Lives of one name share lanes. */
  const processes = new Map<string, number>();
  const processOf = (name: string): number => {
    const known = processes.get(name);
    if (known !== undefined) return known;
    const process = processes.size + 2;
    processes.set(name, process);
    file.group(process, name, ['work', 'link']);
    return process;
  };
  const forget = (peer: PeerId): void => {
    const known = peers.get(peer);
    if (known !== undefined) known.work = undefined;
  };
  return {
    nameOf: (peer: PeerId): string => peers.get(peer)?.name ?? peer,
    /** The name of the worker that answered, if this is an answer that was waited for. */
    event(event: Event, atMs: number): string | undefined {
      switch (event.type) {
        case 'hello': {
          const { name } = event;
          const workerClock = peers.get(event.peer)?.clock ?? createWorkerClock();
          peers.set(event.peer, { name, helloMs: atMs, clock: workerClock, process: undefined, work: undefined, answeredMs: undefined });
          return undefined;
        }
        case 'result': {
          const peer = peers.get(event.peer);
          if (event.fence.term !== term || peer?.work?.workId !== event.workId) return undefined;
          if (event.times !== undefined) traceWork(file, peer, peer.work, event.times, atMs);
          peer.work = undefined;
          return peer.name;
        }
        case 'leave':
        case 'malformed':
        case 'need':
          forget(event.peer);
          return undefined;
        case 'down':
          peers.delete(event.peer);
          return undefined;
        default:
          return undefined;
      }
    },
    effect(effect: Effect, startMs: number, endMs: number): void {
      switch (effect.do) {
        case 'settle': {
          const peer = peers.get(effect.peer);
          if (peer === undefined) return;
          peer.process = processOf(peer.name);
          return file.span({ process: peer.process, thread: 1 }, 'prepare', peer.helloMs, startMs);
        }
        case 'assign': {
          const peer = peers.get(effect.to);
          if (peer !== undefined) peer.work = { ...effect, sentMs: endMs };
          return;
        }
        case 'bye':
          return forget(effect.to);
        case 'refuse':
          return void peers.delete(effect.to);
        default:
      }
    },
  };
}

function traceWork(file: TraceFile, peer: Peer, work: Assigned, times: WorkTimes, arrivedMs: number): void {
  const { sentMs, workId, task, cursor, sends } = work;
  const bounds = { workSentMs: sentMs, workReceivedMs: times.received, resultSentMs: times.sent, resultReceivedMs: arrivedMs };
  const offsetMs = peer.clock.offsetMs(bounds);
  const at = (workerMs: number): number => workerMs - offsetMs;
  const lane: Lane = { process: peer.process!, thread: 1 };
  const link: Lane = { process: peer.process!, thread: 2 };
  const span = (name: string, fromMs: number, toMs: number, args?: object): void =>
    file.span(lane, name, at(fromMs), at(toMs), { ...args });

  file.span(link, sends.length === 0 ? 'WORK' : 'WORK with weights', sentMs, at(times.received), { workId, sends });
  file.span(link, 'RESULT', at(times.sent), arrivedMs, { workId });
  if (peer.answeredMs !== undefined) file.span(lane, 'wait', peer.answeredMs, at(times.received));
  peer.answeredMs = at(times.sent);
  span(`round ${cursor.round}`, times.received, times.sent, { workId, task });
  span('weights', times.started, times.weights, { sends });
  span('compute', times.weights, times.computed);
  const shards = work.shards.toSorted((left, right) => left - right);
  for (const [index, doneMs] of times.shards.entries())
    span(`shard ${shards[index]}`, index === 0 ? times.weights : times.shards[index - 1]!, doneMs);
  span('send', times.computed, times.sent);
}
