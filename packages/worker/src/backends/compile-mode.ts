/**
 * How a backend runs the phases of one run: op by op, as graphs, or as graphs that XLA compiles.
 *
 * Responsible for: taking the run's decision, and refusing what the backend has not. Not responsible for: making the decision: the
 * coordinator does (`--no-compile`, `--xla`), since every worker must compute the same bits.
 */
import { LockstepError } from '@lockstep/shared';
import type { Backend } from './backend.ts';

/** Throws LockstepError 'backend-unavailable' when XLA is wanted and not there. */
export function inModeOf(run: { readonly compile: boolean; readonly xla: boolean }, backend: Backend): Backend {
  if (!run.compile) return { ...backend, compile: (eager) => eager };
  if (!run.xla) return backend;
  if (backend.withXla !== undefined) return backend.withXla();
  throw new LockstepError(
    'backend-unavailable',
    `The run uses --xla, which the backend ${backend.name} does not have: start this worker with --backend tensorflow or cuda, or a run without --xla.`,
  );
}
