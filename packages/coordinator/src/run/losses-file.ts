/** losses.jsonl: one line a step, from step 1, none missing, and no times, so that equal runs have equal files. */
import { LockstepError } from '@lockstep/shared';
import { cutFile, linesOf, parseLine } from '../disk/line-file.ts';

/** A step's line. Numbers that are not finite become null. */
export interface LossLine {
  /** Completed steps, this one included. */
  readonly step: number;
  /** Images seen by then. */
  readonly images: number;
  readonly [field: string]: unknown;
}

/**
 * Keeps exactly the lines of steps 1 to `steps`; later ones and a torn last one go. Throws `resume-invalid` if one of them is missing,
 * and then changes nothing.
 */
export async function cutLosses(path: string, steps: number): Promise<void> {
  let kept = 0;
  let end = 0;
  let size = 0;
  for await (const line of linesOf(path)) {
    size = line.end;
    if (kept === steps) break;
    const step = parseLine(line)?.['step'];
    if (step !== kept + 1) throw gap(path, steps, kept + 1, `line ${kept + 1} ${describe(step)}`);
    kept += 1;
    end = line.end;
  }
  if (kept < steps) throw gap(path, steps, kept + 1, kept === 0 ? 'it is missing or empty' : `it ends after step ${kept}`);
  if (size > end) await cutFile(path, end);
}

function describe(step: unknown): string {
  return typeof step === 'number' ? `is for step ${step}` : 'is damaged';
}

function gap(path: string, steps: number, missing: number, why: string): LockstepError {
  return new LockstepError(
    'resume-invalid',
    `${path} has no line for step ${missing} (${why}), but the checkpoint is of step ${steps}. Put back the file of this run, or start a new run.`,
  );
}
