/** The live page of the run that this process coordinates. */
import type { Log, Recipe } from '@lockstep/shared';
import type { Plan } from '../core/plan.ts';
import type { Routes } from '../http/routes.ts';
import type { Status, WorkerStatus } from '../http/status.ts';
import { createLiveFeed, type LiveFeed } from '../live/live-feed.ts';
import { createLiveFigures, type LiveFigures } from '../live/live-figures.ts';
import type { RunState, WorkerRow } from '../live/messages.ts';
import { pageRoutes } from '../live/page-routes.ts';
import { createRunView } from '../live/run-view.ts';

export interface LivePage {
  readonly figures: LiveFigures;
  readonly routes: Routes;
  readonly end: LiveFeed['end'];
}

export interface LivePageOptions {
  /** The run directory. */
  readonly path: string;
  readonly plan: Plan;
  readonly recipe: Recipe;
  readonly status: () => Status;
  readonly log: Log;
}

const lateWords: Readonly<Record<NonNullable<WorkerStatus['lateBecause']>, string>> = {
  compute: 'it computes longer',
  link: 'its messages take longer',
};

export function createLivePage({ path, plan, recipe, status, log }: LivePageOptions): LivePage {
  const figures = createLiveFigures();
  const about = {
    runId: plan.runId,
    recipe: recipe.name,
    seed: plan.run.seed,
    steps: plan.totalSteps,
    workersWanted: plan.workersWanted,
  };
  const now = () => {
    const { state: word, reason, step, workers } = status();
    const shown: RunState = word === 'done' ? 'finishing' : word;
    return { state: shown, reason, step, workers: workers.each.map(workerRow) };
  };
  const runs = [createRunView(path, { about, now, figures })];
  const feed = createLiveFeed(runs, (sentence) => log.warn(sentence));
  return { figures, routes: pageRoutes(runs, feed), end: feed.end };
}

function workerRow({ name, host, device, state, shardsCommitted, lateSeconds, lateBecause, quarantined }: WorkerStatus): WorkerRow {
  const late = lateBecause === null ? '' : `${((lateSeconds ?? 0) * 1000).toFixed(0)} ms late: ${lateWords[lateBecause]}`;
  const note = quarantined ? `In quarantine${late === '' ? '' : `. ${late}`}` : late;
  return { name, host, device, state, shards: shardsCommitted, note };
}
