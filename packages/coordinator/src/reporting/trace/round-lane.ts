/** The lane of steps: the rounds within them, and for whom a round waited last. */
import type { Effect } from '../../core/effects.ts';
import type { Plan } from '../../core/plan.ts';
import type { Lane, TraceFile } from './trace-file.ts';

export const steps: Lane = { process: 1, thread: 1 };

export function createRoundLane(file: TraceFile, { phases }: Plan) {
  let stepStartMs: number | undefined;
  let begun: { readonly startMs: number; assignedMs: number; answeredMs: number; last: string } | undefined;
  const end = (name: string, endMs: number, args: object): void => {
    if (begun === undefined) return;
    const { startMs, assignedMs, answeredMs, last } = begun;
    file.span(steps, name, startMs, endMs, { ...args });
    // Work that was assigned again after the last answer leaves no such wait.
    if (answeredMs >= assignedMs) file.span(steps, 'wait', assignedMs, answeredMs, { last });
    begun = undefined;
  };
  return {
    answered(worker: string, atMs: number) {
      if (begun !== undefined) [begun.answeredMs, begun.last] = [atMs, worker];
    },
    effect(effect: Effect, startMs: number, endMs: number) {
      switch (effect.do) {
        case 'begin':
          begun = { startMs, assignedMs: endMs, answeredMs: -Infinity, last: '' };
          if (effect.task === 'gradient') stepStartMs ??= startMs;
          return;
        case 'assign':
          if (begun !== undefined) begun.assignedMs = endMs;
          return;
        case 'commit': {
          const { step, phase, round } = effect.cursor;
          return end(phases[phase]!.name, endMs, { step: step + 1, round });
        }
        case 'save-grid':
          return end('grid', endMs, { step: effect.step });
        case 'complete-step':
          file.span(steps, `step ${effect.cursor.step}`, stepStartMs ?? startMs, endMs);
          stepStartMs = undefined;
          return;
        default:
      }
    },
  };
}
