/**
 * What the answers to an audited WORK say: one counts once two workers of different names have given the same, by its hash. Where two
 * differ, a third decides; where there is none, each computes once more. Whoever was wrong does not come back by itself.
 */
import { type Audit, maximumNames, mayCompute, owners } from './audit.ts';
import type { Effect } from './effects.ts';
import { refuse } from './membership.ts';
import { readyWorkers, type State, type Worker } from './state.ts';

/** Whether this answer to audited shards counts: another worker's has the same hash. Whoever gave another is named, and sent away. */
export function confirm(state: State, audit: Audit, { name }: Worker, hash: string, effects: Effect[]): boolean {
  const { answers, shards } = audit;
  const before = [...answers.values()].flat();
  const isConfirmed = [...answers].some(([other, hashes]) => other !== name && hashes.includes(hash));
  answers.set(name, [...(answers.get(name) ?? []), hash]);
  if (new Set(before).size === 1 && !before.includes(hash)) noteDifference(state, audit, effects);
  if (!isConfirmed) return false;
  state.task!.audits.splice(state.task!.audits.indexOf(audit), 1);
  effects.push({ do: 'count-audited', shards: shards.length });
  for (const [other, hashes] of answers)
    if (hashes.some((each) => each !== hash)) judge(state, other, shards, hashes.includes(hash), effects);
  return true;
}

function noteDifference(state: State, { answers, shards }: Audit, effects: Effect[]): void {
  const workers = [...answers.keys()];
  const { round } = state.cursor;
  const whose = workers.length === 1 ? `Two answers of worker ${workers[0]}` : `The answers of workers ${workers.join(' and ')}`;
  const reason = `${whose} to shards ${shards.join(', ')} of round ${round} differ. None counts until two workers agree.`;
  effects.push({ do: 'record', entry: { event: 'audit-differs', workers, shards, round, reason } });
}

function judge(state: State, name: string, shards: readonly number[], hasCorrected: boolean, effects: Effect[]): void {
  const { round } = state.cursor;
  const what = `Its answer to shards ${shards.join(', ')} of round ${round} was wrong: two other answers agree against it.`;
  const stays = 'Asked again, it gave the right one, and nobody else was there to decide: it stays.';
  const leaves = 'It gets no work again under this name: check its machine (memory, overclocking, heat) before you start it under another.';
  const reason = `${what} ${hasCorrected ? stays : leaves} ${doubtAbout(state, name)}`;
  effects.push({ do: 'record', entry: { event: 'worker-wrong', worker: name, quarantined: !hasCorrected, reason, round } });
  if (hasCorrected) return;
  if (state.wrong.size < maximumNames) state.wrong.add(name);
  const worker = [...state.workers.values()].find((each) => each.name === name);
  if (worker !== undefined) refuse(state, worker.peer, 'numerics-mismatch', reason, effects);
}

/** What a wrong answer that was noticed says about those that nobody checked. */
export function doubtAbout(state: State, ...names: readonly string[]): string {
  if (state.plan.auditRate === 1) return 'Nothing wrong was committed since this coordinator started: every answer is checked.';
  const step = Math.min(...names.map((name) => state.joinedAfterStep.get(name) ?? state.startStep));
  const since = step === 0 ? 'its beginning: start it again' : `the checkpoint of step ${step}: go back there with --resume --step ${step}`;
  const earlier =
    state.startStep === 0 ? '' : ', or to an older one if the worker took part before this coordinator started (events.jsonl)';
  return `Not all of its answers were checked, so the run is in doubt since ${since}${earlier}.`;
}

/** Why the round cannot go on: everybody here has answered an audit as often as may be, and no two agree. */
export function disagreement(state: State): string | undefined {
  const ready = readyWorkers(state);
  const stuck = state.task?.audits.find(
    (audit) =>
      audit.answers.size > 1 && owners(state, audit).length === 0 && !ready.some((worker) => mayCompute(state, audit.shards, worker)),
  );
  if (stuck === undefined) return undefined;
  const names = [...stuck.answers.keys()];
  return `Workers ${names.join(' and ')} give different answers to shards ${stuck.shards.join(', ')} of round ${state.cursor.round}, the second time too, and there is no other worker to decide. Start one more, on another machine, and resume. ${doubtAbout(state, ...names)}`;
}
