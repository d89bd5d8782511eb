/** One run as the page shows it: its files, and what its coordinator knows where it is this process. */
import { basename } from 'node:path';
import type { LiveFigures } from './live-figures.ts';
import type { Curves, Head, RunParts, RunState, WorkerRow } from './messages.ts';
import { openRunFiles, type RunFiles } from './run-files.ts';

export interface RunView {
  readonly path: string;
  /** Before `all` and `news`. */
  refresh(): Promise<void>;
  all(): RunParts;
  /** What changed since this was asked last. */
  news(): Partial<RunParts>;
}

/** What the coordinator itself knows of its run. */
export interface Coordinating {
  readonly about: Pick<Head, 'runId' | 'recipe' | 'seed' | 'steps' | 'workersWanted'>;
  readonly now: () => { readonly state: RunState; readonly reason: string; readonly step: number; readonly workers: readonly WorkerRow[] };
  readonly figures: LiveFigures;
}

/** A run that has written nothing for so long, and recorded no end, may have been killed. */
const quietMs = 120_000;
const noCurves: Curves = { from: 0, steps: [], series: {} };
const outcomes: Readonly<Record<string, RunState>> = { completed: 'finished', stopped: 'stopped', failed: 'failed' };

/** `coordinating` is left out for a run that is watched from outside. */
export function createRunView(path: string, coordinating?: Coordinating): RunView {
  const files = openRunFiles(path);
  const head = coordinating === undefined ? watchedHead(files) : async () => coordinatedHead(files, coordinating);
  const speed = coordinating?.figures.speed;
  let current: Head | undefined;
  let isNew = false;
  let told = { head: '', events: files.events(), grids: '' };

  const all = (): RunParts => ({
    head: current!,
    curves: files.curves().all(),
    speed: speed?.all() ?? noCurves,
    events: files.events(),
    grids: files.grids(),
  });
  return {
    path,
    async refresh() {
      isNew = (await files.refresh()) || isNew;
      current = await head();
    },
    all,
    news() {
      const [curves, speeds] = [files.curves().news(), speed?.news()];
      const before = told;
      told = { head: JSON.stringify(current), events: files.events(), grids: files.grids().join() };
      if (isNew) {
        isNew = false;
        return all();
      }
      return {
        ...(told.head === before.head ? {} : { head: current! }),
        ...(curves === undefined ? {} : { curves }),
        ...(speeds === undefined ? {} : { speed: speeds }),
        ...(told.events === before.events ? {} : { events: told.events }),
        ...(told.grids === before.grids ? {} : { grids: files.grids() }),
      };
    },
  };
}

function coordinatedHead(files: RunFiles, { about, now, figures }: Coordinating): Head {
  const { workers, ...state } = now();
  return {
    name: basename(files.path),
    ...about,
    ...state,
    ...endOf(files),
    ...figures.rate(),
    workers: workers.map((worker) => ({ ...worker, ...figures.workers().get(worker.name) })),
    phases: figures.phases(),
  };
}

function watchedHead(files: RunFiles): () => Promise<Head> {
  return async () => {
    const { recipe = '', ...about } = await files.about();
    const writtenMs = (await files.lastWrittenMs()) ?? 0;
    const isQuiet = Date.now() - writtenMs > quietMs;
    const state: RunState = isQuiet ? 'quiet' : 'training';
    const reason = isQuiet
      ? 'No end is recorded, and nothing has been written for two minutes: the run waits for workers, or its coordinator was killed.'
      : 'The run is being written.';
    const { path } = files;
    const found = { name: basename(path), runId: files.runId(), recipe, ...about, step: files.lastStep(), workers: files.workers() };
    return { ...found, phases: [], state, reason, ...endOf(files) };
  };
}

function endOf(files: RunFiles): Partial<Pick<Head, 'state' | 'reason'>> {
  const ended = files.ended();
  return ended === undefined ? {} : { state: outcomes[ended.outcome] ?? 'stopped', reason: ended.reason };
}
