/** Who serves metrics, for Prometheus's `http_sd_configs`: this coordinator, and every worker that has joined and says where. */
import { reachableAddress } from '@lockstep/shared';
import type { Plan } from '../core/plan.ts';
import { readyWorkers, type State } from '../core/state.ts';

/** As Prometheus reads it. */
export interface TargetGroup {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export function targetsOf(
  { runId }: Pick<Plan, 'runId'>,
  own: { readonly host: string; readonly port: number },
  state: State | undefined,
  labelOf: (worker: string) => string,
): TargetGroup[] {
  // Before it has joined it has no label, and one that changes would be another series.
  const joined = state === undefined ? [] : readyWorkers(state);
  const workers = joined.flatMap(({ name, metricsAddress }): TargetGroup[] =>
    metricsAddress === undefined ? [] : [{ targets: [metricsAddress], labels: { run_id: runId, role: 'worker', worker: labelOf(name) } }],
  );
  return [{ targets: [reachableAddress(own)], labels: { run_id: runId, role: 'coordinator' } }, ...workers];
}
