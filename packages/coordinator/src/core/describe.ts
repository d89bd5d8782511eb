/** One sentence that says what the coordinator is doing, and why: for /status, the log and error messages. */
import { readyWorkers, type State } from './state.ts';

export function describe(state: State): string {
  switch (state.stage) {
    case 'gathering':
    case 'starved':
      return waitingFor(state);
    case 'training': {
      const late = awaitedWorkers(state);
      const round = `step ${state.cursor.step + 1} of ${state.plan.totalSteps}, phase ${state.plan.phases[state.cursor.phase]?.name ?? ''}`;
      return late.length === 0 ? `Between rounds at ${round}.` : `Waiting for results of ${round} from ${late.join(', ')}.`;
    }
    case 'ended':
      return 'The run has ended.';
  }
}

/** Names of those that owe an answer. */
export function awaitedWorkers(state: State): string[] {
  return [...state.workers.values()].filter((worker) => worker.shards.length > 0).map((worker) => worker.name);
}

/** Names the workers that are ready and those still preparing, says how many are missing, and gives the command that starts one more. */
export function waitingFor(state: State): string {
  const { plan } = state;
  const wanted = state.stage === 'starved' ? plan.minWorkers : plan.workersWanted;
  const ready = readyWorkers(state);
  const preparing = [...state.workers.values()].filter((worker) => worker.stage === 'preparing');
  const connected = ready.length === 0 ? 'ready: none' : `ready: ${ready.map((worker) => worker.name).join(', ')}`;
  const coming = preparing.length === 0 ? '' : `; preparing: ${preparing.map((worker) => worker.name).join(', ')}`;
  const advice = plan.workerCommand === undefined ? '' : ` Start one with: ${plan.workerCommand}`;
  return `Waiting for ${wanted - ready.length} of ${wanted} workers (${connected}${coming}).${advice}`;
}
