/** What the page knows of its runs, put together from messages. */
import type { Curves, RunMessage, RunParts } from '../live/messages.ts';

export type Run = RunParts;

const noCurves: Curves = { from: 0, steps: [], series: {} };

/** Runs that have said who they are, by number; changed in place. */
export function takeMessage(runs: (Run | undefined)[], { run, count, ...parts }: RunMessage): void {
  runs.length = count;
  const before = runs[run];
  const head = parts.head ?? before?.head;
  if (head === undefined) return;
  runs[run] = {
    head,
    curves: joined(before?.curves, parts.curves),
    speed: joined(before?.speed, parts.speed),
    events: parts.events ?? before?.events ?? [],
    grids: parts.grids ?? before?.grids ?? [],
  };
}

function joined(before: Curves = noCurves, news: Curves | undefined): Curves {
  if (news === undefined) return before;
  const { from } = news;
  const kept = before.steps.slice(0, from);
  const valuesOf = (name: string) => [...(before.series[name] ?? kept.map(() => null)).slice(0, from), ...news.series[name]!];
  const series = Object.fromEntries(Object.keys(news.series).map((name) => [name, valuesOf(name)]));
  return { from: 0, steps: [...kept, ...news.steps], series };
}
