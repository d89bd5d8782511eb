/**
 * The coordinator's core: one event in, effects out. No sockets, files, timers or tensors; time comes in as `nowMs`.
 *
 * Read top to bottom: what each event does, then how a round is begun, assigned and completed. Who takes part is in `membership.ts`.
 */
import { cover, type ErrorCode, type Failure, isNode, nodeKey, shardsUnder } from '@lockstep/shared';
import { advance, isDue, isGridDue, isStepBoundary } from './cursor.ts';
import { assignShards } from './assignment.ts';
import { auditOf, beginAudit, endAuditsOfOne, shardsToAudit, unassign } from './audit.ts';
import { describe, waitingFor } from './describe.ts';
import type { DropReason, Effect } from './effects.ts';
import type { Event } from './events.ts';
import { dropReasonOf } from './fence.ts';
import { admit, greet, refuse, removeWorker } from './membership.ts';
import { lateAfterMs, learn } from './pace.ts';
import { readyWorkers, type State, type Worker } from './state.ts';
import { idleWorkers, isOwed, lateShards, noteInTime, supersede } from './stragglers.ts';
import { confirm, disagreement } from './verdict.ts';

type ResultEvent = Extract<Event, { type: 'result' }>;

/** How long a resumed run waits for the rest of its workers once there are enough. Those that are alive look for it every two seconds. */
const regatherMs = 10_000;

/** How often one worker may be given a WORK again without delivering a result. */
const maximumNeedRequests = 3;

export function step(state: State, event: Event, nowMs: number): Effect[] {
  const effects: Effect[] = [];
  if (state.stage === 'ended') {
    if (event.type === 'hello')
      effects.push({ do: 'bye', to: event.peer, round: state.cursor.round, ended: true, reason: 'The run has ended.' });
    return effects;
  }
  handle(state, event, nowMs, effects);
  if (stageOf(state) !== 'ended') proceed(state, nowMs, effects);
  return effects;
}

/** Read through a function: TypeScript would otherwise keep the narrowed stage from before `handle` changed it. */
function stageOf(state: State): State['stage'] {
  return state.stage;
}

function handle(state: State, event: Event, nowMs: number, effects: Effect[]): void {
  switch (event.type) {
    case 'hello':
      state.spawnGaveUp = undefined;
      return greet(state, event, nowMs, effects);
    case 'ready': {
      if (isFenced(state, event, effects)) return;
      return admit(state, event, effects);
    }
    case 'result':
      return takeResult(state, event, nowMs, effects);
    case 'need':
      return takeNeed(state, event, effects);
    case 'leave': {
      if (isFenced(state, event, effects)) return;
      return takeLeave(state, event, effects);
    }
    case 'malformed': {
      refuse(state, event.peer, event.code, event.reason, effects);
      return;
    }
    case 'down':
      return removeWorker(state, event.peer, 'disconnected', 'its connection was lost', effects);
    case 'committed':
      return commitRound(state, nowMs, effects);
    case 'diverged':
      return repeatOrLeave(state, event, nowMs, effects);
    case 'checkpoint-settled':
      state.checkpointUnderway = false;
      return;
    case 'effect-failed':
      // No checkpoint: what the tensors hold is not certain.
      return finish(state, 'failed', event.reason, effects, event.code);
    case 'stop': {
      checkpoint(state, true, effects);
      return finish(state, 'stopped', event.reason, effects);
    }
    case 'spawn-gave-up':
      state.spawnGaveUp = { code: event.code, reason: event.reason };
      return;
    case 'tick':
      return expire(state, nowMs, effects);
  }
}

/** Drops and counts a message that belongs to another run, term, peer or round. */
function isFenced(state: State, event: Extract<Event, { fence: unknown }>, effects: Effect[]): boolean {
  const reason = dropReasonOf(state, event);
  if (reason !== undefined) drop(state, event.peer, reason, effects);
  return reason !== undefined;
}

function drop(state: State, peer: string, reason: DropReason, effects: Effect[]): void {
  effects.push({ do: 'count-dropped', reason });
  // A peer we do not know thinks that it takes part: it timed out, or the coordinator was restarted. A new HELLO puts that right.
  if (reason === 'unknown-worker' || reason === 'other-term') {
    effects.push({ do: 'bye', to: peer, round: state.cursor.round, ended: false, reason: 'Say HELLO again.' });
  }
}

function takeResult(state: State, event: ResultEvent, nowMs: number, effects: Effect[]): void {
  const late = lateWorker(state, event);
  if (isFenced(state, event, effects)) {
    if (late !== undefined) measureAndRelease(state, late, event, nowMs, effects);
    return;
  }
  const worker = state.workers.get(event.peer)!;
  const task = state.task;
  if (task === undefined || task.kind !== event.task) return drop(state, event.peer, 'unasked', effects);
  const fault = faultOf(event, worker.shards, task.shards.length);
  if (fault !== undefined) return refuse(state, event.peer, 'compute-failed', `Its result was unusable: ${fault}.`, effects);
  worker.needRequests = 0;
  noteInTime(worker);
  const { peer, shards } = worker;
  const audit = auditOf(task, shards);
  if (audit !== undefined && !confirm(state, audit, worker, event.hash!, effects)) {
    if (!isOwed(state, shards, peer)) unassign(state, shards);
    return measureAndRelease(state, worker, event, nowMs, effects);
  }
  for (const shard of shards) task.shards[shard] = 'done';
  if (task.kind === 'gradient') worker.shardsCommitted += shards.length;
  supersede(state, worker, nowMs, effects);
  measureAndRelease(state, worker, event, nowMs, effects);
  if (task.kind === 'generate') task.pictures = event.payload;
  else effects.push({ do: 'accept', nodes: event.nodes, outcomes: event.outcomes, payload: event.payload });
}

/** Who answers a WORK that others have completed meanwhile, in this round or an earlier one: the answer is dropped, and its worker free again. */
function lateWorker(state: State, event: Extract<Event, { type: 'result' | 'need' }>): Worker | undefined {
  const reason = dropReasonOf(state, event);
  if (reason !== 'superseded' && reason !== 'other-round') return undefined;
  const worker = state.workers.get(event.peer)!;
  return worker.work?.id === event.workId && worker.shards.length === 0 ? worker : undefined;
}

/** How long it took is known whether its answer counts or comes too late, when nothing is left that it owes. */
function measureAndRelease(state: State, worker: Worker, { task, computeSeconds }: ResultEvent, nowMs: number, effects: Effect[]): void {
  const { peer, name, work, shards } = worker;
  const { kind, size, sinceMs } = work!;
  const counts = shards.length > 0;
  learn(state.pace, worker.pace, { kind, msPerShard: (nowMs - sinceMs) / size, counts });
  effects.push({ do: 'measure', peer, worker: name, task, phase: kind, shards: size, computeSeconds, counts });
  release(worker);
}

function takeLeave(state: State, event: Extract<Event, { type: 'leave' }>, effects: Effect[]): void {
  const { code, reason } = event;
  const worker = state.workers.get(event.peer)!.name;
  if (code === undefined) return removeWorker(state, event.peer, 'left', `it left: ${reason}`, effects);
  state.failure = { code, reason };
  effects.push({ do: 'record', entry: { event: 'worker-failed', worker, code, reason } });
  removeWorker(state, event.peer, 'left', 'it failed', effects);
}

/** What is wrong with a result for these shards, if anything. It must cover exactly the shards that were assigned, each once. */
function faultOf(event: ResultEvent, shards: readonly number[], shardCount: number): string | undefined {
  if (event.task === 'generate') return undefined;
  if (!event.nodes.every((node) => isNode(node, shardCount))) return 'it names subtrees that do not exist';
  const expected = cover(shards, shardCount).map(nodeKey).join();
  const found = event.nodes.map(nodeKey).join();
  if (expected !== found)
    return `it covers shards ${event.nodes.flatMap((node) => shardsUnder(node, shardCount)).join()} instead of ${shards.join()}`;
  const outcomes = event.outcomes.map((outcome) => outcome.shard).join();
  return outcomes === shards.join() ? undefined : `its losses are of shards ${outcomes} instead of ${shards.join()}`;
}

function takeNeed(state: State, event: Extract<Event, { type: 'need' }>, effects: Effect[]): void {
  if (event.damaged !== undefined) effects.push({ do: 'count-damaged', direction: event.damaged });
  const late = lateWorker(state, event);
  if (isFenced(state, event, effects)) {
    if (late !== undefined) giveBack(state, late, event.networks);
    return;
  }
  const worker = state.workers.get(event.peer)!;
  worker.needRequests += 1;
  if (worker.needRequests > maximumNeedRequests) {
    if (event.damaged === undefined)
      return refuse(state, event.peer, 'compute-failed', 'It asked for the same weights too many times.', effects);
    const reason = `Tensors arrived damaged ${worker.needRequests} times in a row. Check the network between it and the coordinator, and the memory of both machines.`;
    return refuse(state, event.peer, 'refused', reason, effects);
  }
  giveBack(state, worker, event.networks);
}

/** Its shards wait again, unless another worker computes them already, and it can be given work. */
function giveBack(state: State, worker: Worker, lacks: readonly string[]): void {
  for (const network of lacks) delete worker.holds[network];
  if (!isOwed(state, worker.shards, worker.peer)) unassign(state, worker.shards);
  release(worker);
}

function release(worker: Worker): void {
  worker.stage = 'idle';
  worker.work = undefined;
  worker.shards = [];
}

function expire(state: State, nowMs: number, effects: Effect[]): void {
  const seconds = Math.round(state.plan.workerTimeoutMs / 1000);
  for (const worker of state.workers.values()) {
    if (worker.stage === 'idle' || worker.deadlineMs > nowMs) continue;
    // It may only be slow or suspended. After BYE it says HELLO again as soon as it can, like a new worker.
    effects.push({ do: 'bye', to: worker.peer, round: state.cursor.round, ended: false, reason: `No answer within ${seconds} s.` });
    removeWorker(state, worker.peer, 'timeout', `it did not answer within ${seconds} s (--worker-timeout)`, effects);
  }
  if ((state.stage === 'gathering' || state.stage === 'starved') && state.joinDeadlineMs <= nowMs) {
    const reason = `${waitingFor(state)} This took longer than --join-timeout (${Math.round(state.plan.joinTimeoutMs / 1000)} s).`;
    if (readyWorkers(state).length >= state.plan.minWorkers)
      return startTraining(state, `${reason} Continuing with the workers that are ready.`, effects);
    failForWorkers(state, { code: 'workers-missing', reason }, effects);
  }
}

/** Too few workers, for good. The error of the last worker that failed says more than that workers are missing. */
function failForWorkers(state: State, otherwise: Failure, effects: Effect[]): void {
  const { code, reason } = state.failure ?? otherwise;
  checkpoint(state, true, effects);
  finish(state, 'failed', reason, effects, code);
}

/** Before the first worker is ready there is nothing to write. */
function checkpoint(state: State, isLast: boolean, effects: Effect[]): void {
  const { cursor, fingerprint, skippedRounds } = state;
  state.checkpointStep = cursor.step;
  const versions = { ...state.versions };
  if (fingerprint !== undefined) effects.push({ do: 'checkpoint', cursor, versions, fingerprint, isLast, skippedRounds });
}

/** After every event: begin what can begin, assign what waits, commit what is complete. */
function proceed(state: State, nowMs: number, effects: Effect[]): void {
  // A process may be known to have ended before its connection does.
  if (state.spawnGaveUp !== undefined && state.workers.size === 0) return failForWorkers(state, state.spawnGaveUp, effects);
  changeStage(state, nowMs, effects);
  if (state.stage !== 'training') return;
  if (state.task === undefined) beginTask(state, effects);
  assign(state, nowMs, effects);
  const undecided = disagreement(state);
  if (undecided !== undefined) {
    checkpoint(state, true, effects);
    return finish(state, 'failed', undecided, effects, 'audit-failed');
  }
  if (state.task?.shards.every((shard) => shard === 'done')) completeTask(state, nowMs, effects);
}

function changeStage(state: State, nowMs: number, effects: Effect[]): void {
  const ready = readyWorkers(state).length;
  if (state.stage === 'gathering' && ready >= state.plan.workersWanted) startTraining(state, describeStart(state, ready), effects);
  else if (state.stage === 'gathering') regather(state, ready, nowMs, effects);
  else if (state.stage === 'starved' && ready >= state.plan.minWorkers)
    startTraining(state, `Continuing with ${plural(ready, 'worker')}.`, effects);
  else if (state.stage === 'training' && ready < state.plan.minWorkers) {
    state.stage = 'starved';
    state.joinDeadlineMs = nowMs + state.plan.joinTimeoutMs;
    effects.push({ do: 'record', entry: { event: 'waiting', reason: describe(state), round: state.cursor.round } });
  }
}

/** One worker that is gone does not keep a resumed run from going on: it may join at any time. */
function regather(state: State, ready: number, nowMs: number, effects: Effect[]): void {
  if (!state.isResumed || ready < state.plan.minWorkers) return void (state.regatherDeadlineMs = undefined);
  state.regatherDeadlineMs ??= nowMs + regatherMs;
  if (state.regatherDeadlineMs > nowMs) return;
  const missing = plural(state.plan.workersWanted - ready, 'worker');
  startTraining(state, `Continuing with ${plural(ready, 'worker')}: ${missing} may join at any time.`, effects);
}

function describeStart(state: State, ready: number): string {
  const { shardCount } = state.plan.run;
  const spares = ready - shardCount;
  const start = `Training with ${plural(ready, 'worker')} and ${plural(shardCount, 'shard')}.`;
  return spares <= 0
    ? start
    : `${start} ${spares} of them ${spares === 1 ? 'is a hot spare' : 'are hot spares'}; --shards ${ready} would use all.`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function startTraining(state: State, reason: string, effects: Effect[]): void {
  state.stage = 'training';
  effects.push({ do: 'record', entry: { event: 'training', reason, round: state.cursor.round } });
}

function beginTask(state: State, effects: Effect[]): void {
  const kind = state.gridDue ? 'generate' : 'gradient';
  const shards = kind === 'generate' ? 1 : state.plan.run.shardCount;
  const waiting = Array.from({ length: shards }, () => 'waiting' as const);
  state.task = { kind, shards: waiting, audits: [], largest: 0, lateAfterMs: undefined, pictures: undefined };
  effects.push({ do: 'begin', task: kind, cursor: state.cursor });
}

/** What waits goes to who is idle; then, to who is idle still, what is to be checked, and what is late. */
function assign(state: State, nowMs: number, effects: Effect[]): void {
  const task = state.task!;
  endAuditsOfOne(state);
  const waiting = task.shards.flatMap((shard, index) => (shard === 'waiting' ? [index] : []));
  if (waiting.length > 0) {
    const idle = idleWorkers(state, nowMs);
    const slowness = idle.map((worker) => worker.pace.slowness);
    for (const [index, shards] of assignShards(waiting, slowness, task.shards.length).entries()) {
      if (shards.length === 0) continue;
      order(state, idle[index]!, shards, nowMs, effects);
      beginAudit(state, shards);
    }
  }
  for (const shards of shardsToAudit(state)) copy(state, shards, nowMs, effects);
  for (const shards of lateShards(state, nowMs))
    if (copy(state, shards, nowMs, effects)) effects.push({ do: 'count-copied', shards: shards.length });
}

/** To the fastest who may have them; false if there is none. */
function copy(state: State, shards: readonly number[], nowMs: number, effects: Effect[]): boolean {
  const [fastest] = idleWorkers(state, nowMs, shards).toSorted((a, b) => a.pace.slowness - b.pace.slowness);
  if (fastest !== undefined) order(state, fastest, shards, nowMs, effects);
  return fastest !== undefined;
}

function order(state: State, worker: Worker, shards: readonly number[], nowMs: number, effects: Effect[]): void {
  const task = state.task!;
  for (const shard of shards) task.shards[shard] = 'assigned';
  const kind = task.kind === 'gradient' ? state.cursor.phase : state.plan.phases.length;
  task.largest = Math.max(task.largest, shards.length);
  task.lateAfterMs = lateAfterMs(state.pace, kind, task.largest);
  const versions = { ...state.versions };
  const sends = state.plan.networks.filter((network) => worker.holds[network] !== versions[network]);
  Object.assign(worker.holds, versions);
  const workId = state.nextWorkId;
  state.nextWorkId += 1;
  worker.stage = 'working';
  worker.work = { id: workId, kind, size: shards.length, sinceMs: nowMs };
  worker.shards = shards;
  worker.deadlineMs = nowMs + state.plan.workerTimeoutMs;
  const { peer: to, name, seat } = worker;
  effects.push({ do: 'assign', to, worker: name, seat, workId, task: task.kind, cursor: state.cursor, shards, versions, sends });
}

function completeTask(state: State, nowMs: number, effects: Effect[]): void {
  const kind = state.task!.kind;
  if (kind === 'gradient') {
    // The answer is `committed`; until then nothing is assigned, since every shard is done.
    effects.push({ do: 'commit', cursor: state.cursor, isRepeated: state.repeatedRound === state.cursor.round });
    return;
  }
  effects.push({ do: 'save-grid', step: state.cursor.step, pictures: state.task!.pictures });
  state.task = undefined;
  state.gridDue = false;
  completeBoundary(state, nowMs, effects);
  if (stageOf(state) !== 'ended') proceed(state, nowMs, effects);
}

function commitRound(state: State, nowMs: number, effects: Effect[]): void {
  const committed = state.plan.phases[state.cursor.phase]!;
  for (const network of committed.updates) state.versions[network] = state.versions[network]! + 1;
  endRound(state, nowMs, effects);
}

/** A round that is not finite is computed once more, since a worker may be to blame. Then the policy decides. */
function repeatOrLeave(state: State, { reason, figures }: Extract<Event, { type: 'diverged' }>, nowMs: number, effects: Effect[]): void {
  const { cursor } = state;
  const { round } = cursor;
  if (state.repeatedRound !== round) {
    state.repeatedRound = round;
    state.task = undefined;
    effects.push({ do: 'count-nonfinite', cursor });
    effects.push({ do: 'record', entry: { event: 'round-repeated', reason: `${reason} The round is computed once more.`, round } });
    return;
  }
  if (state.plan.run.onNonfinite !== 'skip') {
    // Nothing was changed, and what waits for the checkpoint under way is not lost.
    if (state.checkpointDue) checkpoint(state, true, effects);
    return finish(state, 'failed', reason, effects, 'diverged');
  }
  state.skippedRounds += 1;
  effects.push({ do: 'skip', figures });
  effects.push({
    do: 'record',
    entry: { event: 'round-skipped', reason: `${reason} The round is left out (--on-nonfinite skip).`, round },
  });
  endRound(state, nowMs, effects);
}

function endRound(state: State, nowMs: number, effects: Effect[]): void {
  state.cursor = advance(state.plan, state.cursor);
  state.task = undefined;
  if (!isStepBoundary(state.cursor)) return;
  effects.push({ do: 'complete-step', cursor: state.cursor });
  state.gridDue = isGridDue(state.plan, state.cursor);
  if (!state.gridDue) completeBoundary(state, nowMs, effects);
}

/** After the grid, if one was due: checkpoint, or end. */
function completeBoundary(state: State, nowMs: number, effects: Effect[]): void {
  const { plan, cursor } = state;
  if (cursor.step >= plan.totalSteps) return finish(state, 'completed', `All ${plan.totalSteps} steps are done.`, effects);
  const { checkpointEverySteps, checkpointEveryMs = Infinity } = plan;
  if (isDue(plan, cursor, checkpointEverySteps) || nowMs - state.checkpointedMs >= checkpointEveryMs) state.checkpointDue = true;
  if (!state.checkpointDue || state.checkpointUnderway) return;
  state.checkpointDue = false;
  state.checkpointUnderway = true;
  state.checkpointedMs = nowMs;
  checkpoint(state, false, effects);
}

function finish(state: State, outcome: 'completed' | 'stopped' | 'failed', reason: string, effects: Effect[], code?: ErrorCode): void {
  state.stage = 'ended';
  state.task = undefined;
  if (outcome === 'completed') checkpoint(state, true, effects);
  for (const worker of state.workers.values()) {
    effects.push({ do: 'bye', to: worker.peer, round: state.cursor.round, ended: true, reason: `The run is over: ${reason}` });
  }
  effects.push({ do: 'finish', outcome, reason, ...(code === undefined ? {} : { code }) });
}
