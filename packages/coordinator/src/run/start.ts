/** Where a coordinator begins: at the start of the run, or at a checkpoint. */
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { isGridDue, startOfRun } from '../core/cursor.ts';
import type { Plan } from '../core/plan.ts';
import type { Start } from '../core/state.ts';
import { manifestKeyOf } from '../training/manifest-key.ts';
import { manifestsOf } from './prepare.ts';

/** `hasGrid`: whether the grid of a step is in the run directory. */
export async function startOf(plan: Plan, checkpoint: Checkpoint | undefined, hasGrid: (step: number) => Promise<boolean>): Promise<Start> {
  if (checkpoint === undefined)
    return { cursor: startOfRun, versions: Object.fromEntries(plan.networks.map((name) => [name, 0])), gridDue: false };
  const { cursor, fingerprint, skippedRounds = 0 } = checkpoint;
  const versions = Object.fromEntries(checkpoint.networks.map(({ name, version: commits }) => [name, commits]));
  // The run was stopped between the end of a step and its grid: the grid is drawn now.
  const gridDue = isGridDue(plan, cursor) && !(await hasGrid(cursor.step));
  return { cursor, versions, gridDue, manifestKey: manifestKeyOf(manifestsOf(checkpoint)), fingerprint, skippedRounds };
}
