/** Where a run stands: which round is next, and where its batch starts in the data stream. Pure arithmetic over the plan. */
import type { Plan, PlannedPhase } from './plan.ts';

export interface Cursor {
  /** Completed steps. */
  readonly step: number;
  /** Index of the phase of the next round. */
  readonly phase: number;
  /** Repetition within that phase, from 0. */
  readonly repetition: number;
  /** Committed rounds; also the number of the next round, which keys its randomness. */
  readonly round: number;
  /** Samples drawn from the data stream so far. */
  readonly samplePosition: number;
}

export const startOfRun: Cursor = { step: 0, phase: 0, repetition: 0, round: 0, samplePosition: 0 };

function phaseAt(plan: Pick<Plan, 'phases'>, cursor: Cursor): PlannedPhase {
  return plan.phases[cursor.phase]!;
}

/** The cursor after its round is committed. */
export function advance(plan: Pick<Plan, 'run' | 'phases'>, cursor: Cursor): Cursor {
  const phase = phaseAt(plan, cursor);
  const round = cursor.round + 1;
  const samplePosition = cursor.samplePosition + (phase.readsData ? plan.run.batchSize : 0);
  if (cursor.repetition + 1 < phase.repeat) return { ...cursor, repetition: cursor.repetition + 1, round, samplePosition };
  if (cursor.phase + 1 < plan.phases.length) return { ...cursor, phase: cursor.phase + 1, repetition: 0, round, samplePosition };
  return { step: cursor.step + 1, phase: 0, repetition: 0, round, samplePosition };
}

export function isStepBoundary(cursor: Cursor): boolean {
  return cursor.phase === 0 && cursor.repetition === 0;
}

/** Whether what is done every so many steps (0: only at the end), and at the end, is to be done at the cursor. */
export function isDue({ totalSteps }: Pick<Plan, 'totalSteps'>, cursor: Cursor, everySteps: number): boolean {
  const { step } = cursor;
  return isStepBoundary(cursor) && step > 0 && (step === totalSteps || (everySteps > 0 && step % everySteps === 0));
}

/** Whether a grid of pictures is to be drawn at the cursor, by a recipe that draws any. */
export function isGridDue(plan: Pick<Plan, 'totalSteps' | 'gridEverySteps' | 'pictures'>, cursor: Cursor): boolean {
  return plan.pictures > 0 && isDue(plan, cursor, plan.gridEverySteps);
}

/** Data samples one step consumes; a recipe whose losses read no data counts its batch, so that a run still has a length. */
export function imagesPerStep(phases: readonly PlannedPhase[], batchSize: number): number {
  const batches = phases.reduce((sum, phase) => sum + (phase.readsData ? phase.repeat : 0), 0);
  return batchSize * Math.max(1, batches);
}
