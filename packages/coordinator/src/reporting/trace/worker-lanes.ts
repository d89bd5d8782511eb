/** Two lanes for each worker: what it does, and what is on its way to it and back. */
import type { PeerId, WorkTimes } from '@lockstep/shared';
import type { Effect } from '../../core/effects.ts';
import type { Event } from '../../core/events.ts';
import type { Plan } from '../../core/plan.ts';
import type { Lane, TraceFile } from './trace-file.ts';
import { createWorkerClock, type WorkerClock } from './worker-clock.ts';

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

export function createWorkerLanes(file: TraceFile, { term }: Plan) {
  const peers = new Map<PeerId, Peer>();
  const processOf = createGroups(file);
  let sendingMs = 0;
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
          peers.set(event.peer, arrived(event.name, atMs, peers.get(event.peer)));
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
    sending(atMs: number): void {
      sendingMs = atMs;
    },
    effect(effect: Effect, startMs: number): void {
      switch (effect.do) {
        case 'settle': {
          const peer = peers.get(effect.peer);
          if (peer === undefined) return;
          peer.process = processOf(peer.name);
          return file.span({ process: peer.process, thread: 1 }, 'prepare', peer.helloMs, startMs);
        }
        case 'assign': {
          const peer = peers.get(effect.to);
          if (peer !== undefined) peer.work = { ...effect, sentMs: sendingMs };
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

/** A group of lanes for each name: the lives of one name share it. */
function createGroups(file: TraceFile): (name: string) => number {
  const processes = new Map<string, number>();
  return (name) => {
    const known = processes.get(name);
    if (known !== undefined) return known;
    const process = processes.size + 2;
    processes.set(name, process);
    file.group(process, name, ['work', 'link']);
    return process;
  };
}

/** Its clock stays what it was: a peer is one process. */
function arrived(name: string, helloMs: number, before: Peer | undefined): Peer {
  return { name, helloMs, clock: before?.clock ?? createWorkerClock(), process: undefined, work: undefined, answeredMs: undefined };
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
