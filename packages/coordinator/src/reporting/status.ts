/** What /status and /readyz say about a run, from the core's own description. */
import type { Clock } from '@lockstep/shared';
import type { Plan } from '../core/plan.ts';
import { describe } from '../core/describe.ts';
import { countWorkers, readyWorkers, type State, statesOfWorkers } from '../core/state.ts';
import type { Status, WorkerStatus } from '../http/status.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Recorder } from './recorder.ts';

const states = { gathering: 'waiting', training: 'training', starved: 'waiting', ended: 'done' } as const;

/** What is told of workers beside the core's state. */
export type WorkerSources = Pick<Recorder, 'standing'> & Pick<Metrics, 'workerLabel'> & Pick<Clock, 'nowMs'>;

export function statusOf(plan: Plan, recipe: string, state: State | undefined, sources: WorkerSources): Status {
  const common = { runId: plan.runId, recipe, steps: plan.totalSteps };
  const none = { wanted: plan.workersWanted, live: 0, states: {}, each: [] };
  if (state === undefined)
    return { ...common, state: 'starting', reason: 'The coordinator is starting.', ready: false, step: 0, workers: none };
  const { stage } = state;
  return {
    ...common,
    state: states[stage],
    reason: describe(state),
    ready: stage === 'training' || stage === 'ended',
    step: state.cursor.step,
    workers: {
      wanted: plan.workersWanted,
      live: readyWorkers(state).length,
      states: countWorkers(state),
      each: workersOf(state, sources),
    },
  };
}

function workersOf(state: State, { standing, workerLabel, nowMs }: WorkerSources): WorkerStatus[] {
  const states = statesOfWorkers(state);
  return [...state.workers.values()].map((worker) => {
    const { name, host, pid, backend, device, shardsCommitted, reliability } = worker;
    const quarantined = reliability.quarantinedUntilMs > nowMs();
    const { lateSeconds = null, cause = null } = standing(name) ?? {};
    const fields = { host, pid, backend, device, shardsCommitted, lateSeconds, lateBecause: cause, quarantined };
    return { name, label: workerLabel(name), state: states.get(worker.peer)!, ...fields };
  });
}
