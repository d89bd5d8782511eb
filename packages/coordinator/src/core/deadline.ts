/** When the core next has something to do that no event brings about. */
import type { State } from './state.ts';
import { nextLateMs } from './stragglers.ts';

/** When the next `tick` is due. */
export function nextDeadlineMs(state: State): number | undefined {
  const deadlines = [...state.workers.values()].filter((worker) => worker.stage !== 'idle').map((worker) => worker.deadlineMs);
  if (state.stage === 'gathering' || state.stage === 'starved') deadlines.push(state.joinDeadlineMs);
  if (state.stage === 'gathering' && state.regatherDeadlineMs !== undefined) deadlines.push(state.regatherDeadlineMs);
  const lateMs = nextLateMs(state);
  if (lateMs !== undefined) deadlines.push(lateMs);
  return deadlines.length === 0 ? undefined : Math.min(...deadlines);
}
