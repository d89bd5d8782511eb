/** What /status and /readyz say of a run, from the core's own description. */
import type { Plan } from '../core/plan.ts';
import { countWorkers, readyWorkers } from '../core/state.ts';
import type { Status } from '../http/status.ts';
import type { Runtime } from '../runtime.ts';

const states = { gathering: 'waiting', training: 'training', starved: 'waiting', ended: 'done' } as const;

export function statusOf(plan: Plan, recipe: string, runtime: Runtime | undefined): Status {
  const common = { runId: plan.runId, recipe, steps: plan.totalSteps };
  const none = { wanted: plan.workersWanted, live: 0, states: {} };
  if (runtime === undefined)
    return { ...common, state: 'starting', reason: 'The coordinator is starting.', ready: false, step: 0, workers: none };
  const { state, reason } = runtime.describe();
  return {
    ...common,
    state: states[state],
    reason,
    ready: state === 'training' || state === 'ended',
    step: runtime.state.cursor.step,
    workers: { wanted: plan.workersWanted, live: readyWorkers(runtime.state).length, states: countWorkers(runtime.state) },
  };
}
