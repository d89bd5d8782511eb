/** What /status and /readyz say about a run, from the core's own description. */
import type { Plan } from '../core/plan.ts';
import { describe } from '../core/describe.ts';
import { countWorkers, readyWorkers, type State } from '../core/state.ts';
import type { Status } from '../http/status.ts';

const states = { gathering: 'waiting', training: 'training', starved: 'waiting', ended: 'done' } as const;

export function statusOf(plan: Plan, recipe: string, state: State | undefined): Status {
  const common = { runId: plan.runId, recipe, steps: plan.totalSteps };
  const none = { wanted: plan.workersWanted, live: 0, states: {} };
  if (state === undefined)
    return { ...common, state: 'starting', reason: 'The coordinator is starting.', ready: false, step: 0, workers: none };
  const { stage } = state;
  return {
    ...common,
    state: states[stage],
    reason: describe(state),
    ready: stage === 'training' || stage === 'ended',
    step: state.cursor.step,
    workers: { wanted: plan.workersWanted, live: readyWorkers(state).length, states: countWorkers(state) },
  };
}
