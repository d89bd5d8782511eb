/**
 * What a run directory tells about its run, kept up as it grows. Nothing is read while nobody asks.
 *
 * Responsible for: losses, events, grids, and what they say of the run's beginning, workers and end. Not responsible for: what only the
 * coordinator's memory knows (`live-figures.ts`), or checking files: what cannot be understood is passed over.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createCurveStore, type CurveStore } from './curve-store.ts';
import { eventRow, parse } from './event-text.ts';
import type { EventRow, WorkerRow } from './messages.ts';
import { createTail } from './tail.ts';

export interface Ended {
  readonly outcome: string;
  readonly reason: string;
}

/** What config.json and summary.json say of a run that no coordinator speaks for. */
export interface About {
  readonly recipe?: string;
  readonly seed?: number;
  readonly steps?: number;
  readonly imagesPerSecond?: number;
}

export interface RunFiles {
  readonly path: string;
  /** Takes in what is new. Resolves with whether it all began anew, because a resumed run has cut its files. */
  refresh(): Promise<boolean>;
  curves(): CurveStore;
  /** The newest, newest first. */
  events(): readonly EventRow[];
  grids(): readonly number[];
  runId(): string;
  lastStep(): number;
  /** Of the newest life of the coordinator, once it is over. */
  ended(): Ended | undefined;
  workers(): WorkerRow[];
  about(): Promise<About>;
  /** When losses.jsonl was written last; undefined where there is none. */
  lastWrittenMs(): Promise<number | undefined>;
}

const maximumEvents = 100;
const maximumGrids = 2_000;
const settledMs = 2_000;

export function openRunFiles(path: string): RunFiles {
  const losses = createTail(join(path, 'losses.jsonl'));
  const events = createTail(join(path, 'events.jsonl'));
  let told = emptyTold();
  const grids = createGridList(join(path, 'grids'));
  return {
    path,
    async refresh() {
      let isSame = await losses.read((line) => takeLoss(told, line));
      isSame = (await events.read((line) => takeEvent(told, line))) && isSame;
      await grids.refresh();
      if (isSame) return false;
      told = emptyTold();
      await rewound(losses, (line) => takeLoss(told, line));
      await rewound(events, (line) => takeEvent(told, line));
      return true;
    },
    curves: () => told.curves,
    events: () => told.rows,
    grids: grids.steps,
    runId: () => told.runId,
    lastStep: () => told.lastStep,
    ended: () => told.ended,
    workers: () => [...told.workers.values()],
    about: () => aboutOf(path),
    lastWrittenMs: () =>
      stat(join(path, 'losses.jsonl')).then(
        ({ mtimeMs }) => mtimeMs,
        () => undefined,
      ),
  };
}

/** What lines have told so far. */
interface Told {
  readonly curves: CurveStore;
  rows: readonly EventRow[];
  lastStep: number;
  runId: string;
  ended: Ended | undefined;
  readonly workers: Map<string, WorkerRow>;
}

function emptyTold(): Told {
  return { curves: createCurveStore(), rows: [], lastStep: 0, runId: '', ended: undefined, workers: new Map() };
}

function takeLoss(told: Told, text: string): void {
  const line = parse(text);
  const step = line?.['step'];
  if (line === undefined || typeof step !== 'number') return;
  told.lastStep = Math.max(told.lastStep, step);
  const figures: Record<string, unknown> = {};
  for (const [group, values] of Object.entries(line)) {
    if (typeof values !== 'object' || values === null) continue;
    for (const [name, value] of Object.entries(values)) figures[`${group}.${name}`] = value;
  }
  told.curves.add(step, figures);
}

function takeEvent(told: Told, text: string): void {
  const row = eventRow(text);
  const entry = parse(text);
  if (row === undefined || entry === undefined) return;
  told.rows = [row, ...told.rows.slice(0, maximumEvents - 1)];
  const name = String(entry['worker']);
  if (row.event === 'coordinator-started') {
    told.runId = String(entry['runId']);
    told.ended = undefined;
    told.workers.clear();
  } else if (row.event === 'coordinator-ended') {
    told.ended = { outcome: String(entry['outcome']), reason: String(entry['reason']) };
    for (const worker of told.workers.values())
      if (worker.state === 'joined') told.workers.set(worker.name, { ...worker, state: 'took part' });
    for (const [worker, shards] of Object.entries(entry['shardsCommitted'] ?? {}))
      told.workers.set(worker, { ...(told.workers.get(worker) ?? { name: worker, host: '', device: '', state: 'gone' }), shards });
  } else if (row.event === 'worker-joined') {
    told.workers.set(name, { name, host: String(entry['host']), device: String(entry['device']), state: 'joined' });
  } else if (row.event === 'worker-left' && told.workers.has(name)) {
    told.workers.set(name, { ...told.workers.get(name)!, state: 'gone', note: String(entry['reason']).slice(0, 200) });
  }
}

/** A tail that has noticed a change begins at the start; the other one has to be told. */
async function rewound(tail: ReturnType<typeof createTail>, line: (text: string) => void): Promise<void> {
  tail.rewind();
  await tail.read(line);
}

/** A directory that has not changed is not read again. */
function createGridList(directory: string) {
  let steps: readonly number[] = [];
  let changedMs: number | undefined;
  return {
    steps: () => steps,
    async refresh() {
      const { mtimeMs } = (await stat(directory).catch(() => undefined)) ?? {};
      if (mtimeMs !== undefined && mtimeMs === changedMs) return;
      steps = await gridsIn(directory);
      // A file that came within the clock's last tick may not have changed it.
      changedMs = mtimeMs !== undefined && Date.now() - mtimeMs > settledMs ? mtimeMs : undefined;
    },
  };
}

/** In ascending order; of too many, evenly chosen ones. */
async function gridsIn(directory: string): Promise<number[]> {
  const names = await readdir(directory).catch(() => []);
  const steps = names.flatMap((name) => {
    const match = /^step-(\d{6,15})\.png$/.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
  steps.sort((a, b) => a - b);
  const every = Math.ceil(steps.length / maximumGrids);
  return every <= 1 ? steps : steps.filter((_, index) => (steps.length - 1 - index) % every === 0);
}

async function aboutOf(path: string): Promise<About> {
  const [config, summary] = await Promise.all([readObject(join(path, 'config.json')), readObject(join(path, 'summary.json'))]);
  const number = (value: unknown) => (typeof value === 'number' ? value : undefined);
  const recipe = summary?.['recipe'] ?? config?.['recipe'];
  const about = {
    recipe: typeof recipe === 'string' ? recipe : undefined,
    seed: number(config?.['seed']),
    steps: number(config?.['steps']),
    imagesPerSecond: number(summary?.['imagesPerSecond']),
  };
  return Object.fromEntries(Object.entries(about).filter(([, value]) => value !== undefined));
}

async function readObject(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  return readFile(path, 'utf8').then(parse, () => undefined);
}
