/** Names of checkpoints and grids, which sort by age for people, and their order for machines. Pure. */

/** Where in the run something was made. */
export interface Position {
  /** Completed steps. */
  readonly step: number;
  /** Rounds committed of the step after those; 0 at a step's end. */
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
