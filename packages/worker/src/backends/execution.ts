/**
 * How a backend runs the phases of one run: op by op, as graphs, or as graphs that XLA compiles.
 *
 * Responsible for: following the run's decision, and refusing what the backend lacks. Not responsible for: making the decision: the
 * coordinator does (`--execution`), since every worker must compute the same bits.
 */
import { backendsWhere, type Execution, LockstepError } from '@lockstep/shared';
import type { Backend } from './backend.ts';

/** Throws LockstepError 'backend-unavailable' if XLA is wanted and missing. */
export function inExecution(execution: Execution, backend: Backend): Backend {
  if (execution === 'eager') return { ...backend, compile: (eager) => eager };
  if (execution === 'graph') return backend;
  if (backend.withXla !== undefined) return backend.withXla();
  throw new LockstepError(
    'backend-unavailable',
    `The run uses --execution xla, which the backend ${backend.name} does not have: start this worker with --backend ${backendsWhere(({ hasXla }) => hasXla)}, or the run without --execution xla.`,
  );
}
