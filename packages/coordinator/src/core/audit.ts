/**
 * Which WORKs are computed by a second worker too, and by whom.
 *
 * An audit is a copy of a whole WORK that is waited for, so what is compared is what workers send: sums over whole subtrees. Not responsible
 * for: what the answers say (`verdict.ts`).
 */
import { sequence, streams, uniform } from '@lockstep/shared';
import { readyWorkers, type State, type Task, type Worker } from './state.ts';

/** The answers to one WORK, of which none counts yet. */
export interface Audit {
  readonly shards: readonly number[];
  /** Hashes, by the worker's name: a machine that comes back is no second opinion. */
  readonly answers: Map<string, string[]>;
}

/** One more than once: a worker whose error was an accident corrects itself. */
const maximumAnswers = 2;
/** Bounds what names can make the coordinator remember. */
export const maximumNames = 4096;

/** Whether a WORK with these shards is to be checked. By its first shard, so that of all shards a share of `auditRate` is computed twice. */
function isChosen(state: State, shards: readonly number[]): boolean {
  const { plan, cursor, task, repeatedRound } = state;
  if (task?.kind !== 'gradient') return false;
  // Somebody may be wrong: everything is computed elsewhere, too, where there is another worker whose bits are the same.
  if (repeatedRound === cursor.round && !plan.allowMixedNumerics) return readyWorkers(state).length > 1;
  if (plan.auditRate === 0) return false;
  return uniform(sequence(plan.run.seed, streams.audit, cursor.round, shards[0]!)) < plan.auditRate;
}

/** Shards have been given to a first worker. */
export function beginAudit(state: State, shards: readonly number[]): void {
  if (isChosen(state, shards)) state.task!.audits.push({ shards, answers: new Map() });
}

export function auditOf(task: Task | undefined, shards: readonly number[]): Audit | undefined {
  return task?.audits.find((audit) => audit.shards[0] === shards[0]);
}

/** Who owes them. */
export function owners(state: State, { shards }: Audit): Worker[] {
  return [...state.workers.values()].filter((worker) => worker.shards[0] === shards[0]);
}

/** Whether it may be given these shards: nobody answers an audit again before everybody else here has answered. */
export function mayCompute(state: State, shards: readonly number[], worker: Worker): boolean {
  const audit = auditOf(state.task, shards);
  if (audit === undefined) return true;
  const times = ({ name }: Worker): number => audit.answers.get(name)?.length ?? 0;
  return times(worker) < maximumAnswers && readyWorkers(state).every((other) => times(worker) <= times(other));
}

/** Audits that nobody computes who could decide them. */
export function shardsToAudit(state: State): (readonly number[])[] {
  const wanting = state.task!.audits.filter((audit) => owners(state, audit).length < (audit.answers.size === 0 ? 2 : 1));
  return wanting.map(({ shards }) => shards);
}

/** Nobody owes these shards any more: they wait again, unless an answer to them is known already. */
export function unassign(state: State, shards: readonly number[]): void {
  const task = state.task!;
  const audit = auditOf(task, shards);
  const isAnswered = audit !== undefined && audit.answers.size > 0;
  if (audit !== undefined && !isAnswered) task.audits.splice(task.audits.indexOf(audit), 1);
  for (const shard of shards) task.shards[shard] = isAnswered ? 'answered' : 'waiting';
}

/** A worker that is alone has nobody to agree with: where a run may go on with one, what it says counts. */
export function endAuditsOfOne(state: State): void {
  const { shards, audits } = state.task!;
  if (audits.length === 0 || readyWorkers(state).length > 1) return;
  audits.length = 0;
  for (const [shard, each] of shards.entries()) if (each === 'answered') shards[shard] = 'waiting';
}

/** For `verdict.ts`: the newest checkpoint from before anything that a worker of this name can have spoilt. */
export function noteJoin(state: State, name: string): void {
  const { joinedAfterStep } = state;
  if (!joinedAfterStep.has(name) && joinedAfterStep.size < maximumNames) joinedAfterStep.set(name, state.checkpointStep);
}
