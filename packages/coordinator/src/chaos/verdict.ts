/** What chaos says in the end. Pure. */
import type { ActName } from './acts.ts';
import type { Happened } from './live-run.ts';
import type { Pace } from './steps.ts';

export interface Observed {
  readonly done: Readonly<Record<ActName, number>>;
  /** Totals when it began, and in the end. */
  readonly from: Happened;
  readonly to: Happened;
  /** For a while before it began, and while it lasted. */
  readonly before: Pace;
  readonly during: Pace;
}

export function verdictOf({ done, from, to, before, during }: Observed): string[] {
  const since = (name: keyof Happened): number => to[name] - from[name];
  return [
    `Done: ${counted(done.kill, 'kill')}, ${counted(done.stop, 'stop')}, ${counted(done.delay, 'delay')} of workers.`,
    `Training went on from step ${from.steps} to step ${to.steps}: ${paceIn(before)} before, ${paceIn(during)} during${slower(before, during)}; the longest time without a step was ${during.longestGapSeconds.toFixed(1)} s.`,
    `Workers were lost ${counted(since('left'), 'time')} and joined ${counted(since('joined'), 'time')}; ${counted(since('reassigned'), 'shard')} of lost workers went to others.`,
    `No step was lost, and ${since('repeated') === 0 ? 'none was repeated' : `${counted(since('repeated'), 'step')} repeated after a resume`}.`,
  ];
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function paceIn({ secondsPerStep }: Pace): string {
  return secondsPerStep === undefined ? 'no step' : `${secondsPerStep.toPrecision(2)} s a step`;
}

function slower(before: Pace, during: Pace): string {
  if (before.secondsPerStep === undefined || during.secondsPerStep === undefined) return '';
  return ` (${(during.secondsPerStep / before.secondsPerStep).toFixed(1)} times)`;
}
