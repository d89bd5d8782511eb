/**
 * Workers that are late: their shards are computed by others as well, and the first answer counts, which is safe since both have the same bits.
 *
 * A copy is always of a whole WORK. So two WORKs of a task have either the same shards or none in common, and an answer counts whole or not at
 * all. A late worker is not waited for: it goes on computing, and gets work again when it has answered.
 */
import type { PeerId } from '@lockstep/shared';
import { mayCompute } from './audit.ts';
import type { Effect } from './effects.ts';
import { readyWorkers, type State, type Worker } from './state.ts';

/** So many times in a row is no accident. More than it takes to notice that a worker needs a smaller share (`pace.ts`). */
const latesBeforeQuarantine = 4;
const shortestQuarantineMs = 10_000;
const longestQuarantineMs = 600_000;
/** In a row, in time: whatever was before is forgotten. */
const answersToBeTrusted = 16;

/** Who may be given work: the quarantined only if nobody else can. So a quarantine never leaves a run with too few workers. */
export function idleWorkers(state: State, nowMs: number, shards: readonly number[] = []): Worker[] {
  const idle = readyWorkers(state).filter((worker) => worker.stage === 'idle' && mayCompute(state, shards, worker));
  const trusted = idle.filter((worker) => worker.reliability.quarantinedUntilMs <= nowMs);
  return trusted.length > 0 ? trusted : idle;
}

/** Whether anybody but `except` owes these shards, all of one WORK. */
export function isOwed(state: State, shards: readonly number[], except?: PeerId): boolean {
  return [...state.workers.values()].some((worker) => worker.peer !== except && worker.shards[0] === shards[0]);
}

/** Shards that are owed, and when everybody who owes them is late. */
interface Owed {
  readonly shards: readonly number[];
  readonly lateMs: number;
}

/** Soonest first. None where copies are not to be had: equal bits were given up, or nobody knows yet what is usual. */
function owedShards(state: State): Owed[] {
  const lateAfterMs = state.task?.lateAfterMs;
  if (state.stage !== 'training' || state.plan.allowMixedNumerics || lateAfterMs === undefined) return [];
  const owed = new Map<number, { shards: readonly number[]; sinceMs: number; copies: number }>();
  for (const { shards, work } of state.workers.values()) {
    if (shards.length === 0) continue;
    const { sinceMs, copies } = owed.get(shards[0]!) ?? { sinceMs: 0, copies: -1 };
    owed.set(shards[0]!, { shards, sinceMs: Math.max(sinceMs, work!.sinceMs), copies: copies + 1 });
  }
  // Where even copies are late, the machines may be at their limit: every further one waits twice as long.
  return [...owed.values()]
    .map(({ shards, sinceMs, copies }) => ({ shards, lateMs: sinceMs + lateAfterMs * 2 ** copies }))
    .toSorted((a, b) => a.lateMs - b.lateMs);
}

export function lateShards(state: State, nowMs: number): (readonly number[])[] {
  return owedShards(state).flatMap(({ shards, lateMs }) => (lateMs <= nowMs ? [shards] : []));
}

/** When something may be late that somebody is free to compute. */
export function nextLateMs(state: State): number | undefined {
  const idle = readyWorkers(state).filter((worker) => worker.stage === 'idle');
  if (idle.length === 0) return undefined;
  return owedShards(state).find(({ shards }) => idle.some((worker) => mayCompute(state, shards, worker)))?.lateMs;
}

/** The answer of `winner` counts. Whoever owes the same shards owes them no longer; who was asked first was late. */
export function supersede(state: State, winner: Worker, nowMs: number, effects: Effect[]): void {
  for (const worker of state.workers.values()) {
    if (worker === winner || worker.shards[0] !== winner.shards[0]) continue;
    worker.shards = [];
    if (worker.work!.id < winner.work!.id) noteLate(state, worker, nowMs, effects);
  }
}

/** A worker has answered while its answer was wanted. */
export function noteInTime({ reliability }: Worker): void {
  reliability.streak = Math.max(0, reliability.streak) + 1;
  if (reliability.streak >= answersToBeTrusted) reliability.quarantines = 0;
}

function noteLate(state: State, worker: Worker, nowMs: number, effects: Effect[]): void {
  const { reliability, name } = worker;
  reliability.streak = Math.min(0, reliability.streak) - 1;
  if (reliability.streak > -latesBeforeQuarantine) return;
  const durationMs = Math.min(longestQuarantineMs, shortestQuarantineMs * 2 ** reliability.quarantines);
  reliability.quarantinedUntilMs = nowMs + durationMs;
  reliability.quarantines += 1;
  // On probation afterwards: late once more, and it is back here for twice as long.
  reliability.streak = 1 - latesBeforeQuarantine;
  const seconds = durationMs / 1000;
  const reason = `It was late again and again: others computed its shards first. It gets work again after ${seconds} s, or when nobody else can.`;
  effects.push({ do: 'record', entry: { event: 'worker-quarantined', worker: name, reason, seconds, round: state.cursor.round } });
}
