/** Names of checkpoints and grids, which people can sort by age, and their exact order for programs. Pure. */

/** The position in the run at which something was made. */
export interface Position {
  /** Completed steps. */
  readonly step: number;
  /** Rounds already committed of the next step; 0 at the end of a step. */
  readonly roundsIntoStep: number;
}

/** `step-000500`. */
export function stepName(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
}

/** `step-000500`, or `step-000500-round-1` inside a step. */
export function checkpointName({ step, roundsIntoStep }: Position): string {
  return roundsIntoStep === 0 ? stepName(step) : `${stepName(step)}-round-${roundsIntoStep}`;
}

/** Undefined for a name that `checkpointName` does not give. */
export function parseCheckpointName(name: string): Position | undefined {
  const match = /^step-(\d{6,15})(?:-round-(\d{1,9}))?$/.exec(name);
  if (match === null) return undefined;
  const position = { step: Number(match[1]), roundsIntoStep: Number(match[2] ?? 0) };
  return checkpointName(position) === name ? position : undefined;
}

/** Negative if `a` is older. */
export function comparePositions(a: Position, b: Position): number {
  return a.step - b.step || a.roundsIntoStep - b.roundsIntoStep;
}
