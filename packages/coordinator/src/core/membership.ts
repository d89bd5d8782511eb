/** Who takes part: greeting, admitting, refusing and removing workers. Every change of `state.workers` is in this file. */
import type { PeerId } from '@lockstep/shared';
import { noteJoin, unassign } from './audit.ts';
import type { Effect, LeaveReason, RefusalCode } from './effects.ts';
import type { Event } from './events.ts';
import type { State } from './state.ts';
import { isOwed } from './stragglers.ts';

/** Bounds the memory that unknown peers can make the coordinator use. */
const maximumWorkers = 1024;
/** Bounds what a peer that is refused over and over can make the coordinator write. */
const maximumRecordedRefusals = 1000;

/** HELLO: a new worker, or a known one whose connection broke. Either way it starts afresh. */
export function greet(state: State, event: Extract<Event, { type: 'hello' }>, nowMs: number, effects: Effect[]): void {
  removeWorker(state, event.peer, 'disconnected', 'it connected again', effects);
  if (state.workers.size >= maximumWorkers)
    return refuse(state, event.peer, 'refused', `The run has ${maximumWorkers} workers already.`, effects);
  if (state.wrong.has(event.name)) {
    const reason = `An audit has found answers of worker '${event.name}' wrong. Check its machine before you start it under another --name.`;
    return refuse(state, event.peer, 'numerics-mismatch', reason, effects);
  }
  const namesake = [...state.workers.values()].find((worker) => worker.name === event.name);
  // A worker that died and was started again may be back before its death is noticed: the newer process wins.
  if (namesake !== undefined)
    refuse(state, namesake.peer, 'refused', `A newer worker named '${event.name}' has joined; names must be unique (--name).`, effects);
  state.workers.set(event.peer, {
    peer: event.peer,
    name: event.name,
    host: event.host,
    pid: event.pid,
    backend: event.backend,
    device: event.device,
    metricsAddress: event.metricsAddress,
    seat: lowestFreeSeat(state),
    stage: 'preparing',
    deadlineMs: nowMs + state.plan.workerTimeoutMs,
    holds: {},
    work: undefined,
    shards: [],
    pace: { slowness: 1, recent: [] },
    reliability: { streak: 0, quarantines: 0, quarantinedUntilMs: -Infinity },
    needRequests: 0,
    shardsCommitted: 0,
  });
  effects.push({ do: 'welcome', to: event.peer, round: state.cursor.round, region: event.region });
}

function lowestFreeSeat(state: State): number {
  const taken = new Set([...state.workers.values()].map((worker) => worker.seat));
  let seat = 0;
  while (taken.has(seat)) seat += 1;
  return seat;
}

/** READY: the worker has built the networks. The first one sets the run's manifests and fingerprint. */
export function admit(state: State, event: Extract<Event, { type: 'ready' }>, effects: Effect[]): void {
  const worker = state.workers.get(event.peer)!;
  if (worker.stage !== 'preparing') return;
  if (state.manifestKey === undefined) {
    state.manifestKey = event.manifestKey;
    state.fingerprint = event.fingerprint;
    effects.push({ do: 'initialise', manifests: event.manifests, fingerprint: event.fingerprint });
  }
  if (event.manifestKey !== state.manifestKey) {
    return refuse(
      state,
      event.peer,
      'recipe-mismatch',
      'Its networks have different parameters from those of the run. Install the same Lockstep version and recipe everywhere.',
      effects,
    );
  }
  if (event.fingerprint !== state.fingerprint && !state.plan.allowMixedNumerics) {
    const reason = `Its results differ in their last bits from those of the run (backend ${worker.backend}, ${worker.device}; fingerprint ${event.fingerprint.slice(0, 12)}, the run has ${state.fingerprint!.slice(0, 12)}). Use the same --backend and kind of device everywhere, or give the coordinator --allow-mixed-numerics and give up equal bits.`;
    return refuse(state, event.peer, 'numerics-mismatch', reason, effects);
  }
  worker.stage = 'idle';
  state.failure = undefined;
  noteJoin(state, worker.name);
  effects.push({ do: 'settle', peer: event.peer, carrier: event.carrier });
  const { name, host, pid, backend, device } = worker;
  const { fingerprint, carrier } = event;
  effects.push({
    do: 'record',
    entry: { event: 'worker-joined', worker: name, host, pid, backend, device, fingerprint, carrier, round: state.cursor.round },
  });
}

/** Refuses a worker for good: its process ends. */
export function refuse(state: State, peer: PeerId, code: RefusalCode, reason: string, effects: Effect[]): void {
  effects.push({ do: 'refuse', to: peer, round: state.cursor.round, code, reason });
  const worker = state.workers.get(peer)?.name ?? peer;
  state.refusals += 1;
  if (state.refusals <= maximumRecordedRefusals) effects.push({ do: 'record', entry: { event: 'worker-refused', worker, code, reason } });
  removeWorker(state, peer, 'expelled', reason, effects);
}

/**
 * Forgets a worker that died, left or was refused. Its shards wait again, unless another worker computes them already: `assign` in `step.ts`
 * gives them to others in the same round.
 */
export function removeWorker(state: State, peer: PeerId, cause: LeaveReason, reason: string, effects: Effect[]): void {
  const worker = state.workers.get(peer);
  if (worker === undefined) return;
  state.workers.delete(peer);
  const { round } = state.cursor;
  if (worker.stage !== 'preparing') {
    effects.push({
      do: 'record',
      entry: { event: 'worker-left', worker: worker.name, cause, reason, round, shardsCommitted: worker.shardsCommitted },
    });
  }
  if (worker.shards.length === 0 || isOwed(state, worker.shards)) return;
  unassign(state, worker.shards);
  effects.push({ do: 'record', entry: { event: 'shards-reassigned', worker: worker.name, shards: worker.shards, round } });
  effects.push({ do: 'count-reassigned', shards: worker.shards.length });
}
