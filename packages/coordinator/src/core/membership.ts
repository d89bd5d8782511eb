/** Who takes part: greeting, admitting, refusing and removing workers. Every change of `state.workers` is in this file. */
import type { ErrorCode, PeerId } from '@lockstep/shared';
import type { Effect, LeaveReason } from './effects.ts';
import type { Event } from './events.ts';
import type { State } from './state.ts';

/** Bound on what a crowd of strangers can make us remember. */
const maximumWorkers = 1024;
/** Bound on what a stranger who is refused again and again can make us write. */
const maximumRecordedRefusals = 1000;

/** HELLO: a new worker, or a known one whose connection broke. Either way it starts afresh. */
export function greet(state: State, event: Extract<Event, { type: 'hello' }>, nowMs: number, effects: Effect[]): void {
  removeWorker(state, event.peer, 'disconnected', 'it connected again', effects);
  if (state.workers.size >= maximumWorkers)
    return refuse(state, event.peer, 'refused', `The run has ${maximumWorkers} workers already.`, effects);
  const namesake = [...state.workers.values()].find((worker) => worker.name === event.name);
  // A worker that died and was started again may be back before we have noticed its death: the newer life wins.
  if (namesake !== undefined)
    refuse(state, namesake.peer, 'refused', `A newer worker named '${event.name}' has joined; names must be unique (--name).`, effects);
  state.workers.set(event.peer, {
    peer: event.peer,
    name: event.name,
    host: event.host,
    pid: event.pid,
    backend: event.backend,
    device: event.device,
    stage: 'preparing',
    deadlineMs: nowMs + state.plan.workerTimeoutMs,
    holds: {},
    workId: undefined,
    shards: [],
    needRequests: 0,
    shardsCommitted: 0,
  });
  effects.push({ do: 'welcome', to: event.peer, round: state.cursor.round, region: event.region });
}

/** READY: the worker has built the networks. The first one decides what the run's manifests and numerics are. */
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
      'Its networks have other parameters than the run. Install the same Lockstep version and recipe everywhere.',
      effects,
    );
  }
  if (event.fingerprint !== state.fingerprint && !state.plan.allowMixedNumerics) {
    const reason = `It computes other bits than the run (backend ${worker.backend}, ${worker.device}; fingerprint ${event.fingerprint.slice(0, 12)}, the run has ${state.fingerprint!.slice(0, 12)}). Use the same --backend and kind of device everywhere, or give the coordinator --allow-mixed-numerics and lose equal bits.`;
    return refuse(state, event.peer, 'numerics-mismatch', reason, effects);
  }
  worker.stage = 'idle';
  state.failure = undefined;
  effects.push({ do: 'settle', peer: event.peer, carrier: event.carrier });
  const { name, host, pid, backend, device } = worker;
  const { fingerprint, carrier } = event;
  effects.push({
    do: 'record',
    entry: { event: 'worker-joined', worker: name, host, pid, backend, device, fingerprint, carrier, round: state.cursor.round },
  });
}

/** Sends a worker away for good. */
export function refuse(state: State, peer: PeerId, code: ErrorCode, reason: string, effects: Effect[]): void {
  effects.push({ do: 'refuse', to: peer, round: state.cursor.round, code, reason });
  const worker = state.workers.get(peer)?.name ?? peer;
  state.refusals += 1;
  if (state.refusals <= maximumRecordedRefusals) effects.push({ do: 'record', entry: { event: 'worker-refused', worker, code, reason } });
  removeWorker(state, peer, 'expelled', reason, effects);
}

/** Forgets a worker; its shards wait to be dealt again. */
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
  if (worker.shards.length === 0) return;
  for (const shard of worker.shards) state.task!.shards[shard] = { status: 'waiting' };
  effects.push({ do: 'record', entry: { event: 'shards-reassigned', worker: worker.name, shards: worker.shards, round } });
  effects.push({ do: 'count-reassigned', shards: worker.shards.length });
}
