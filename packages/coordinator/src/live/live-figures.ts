/** Figures that no file holds: where the time of a round goes now, and how fast the run is. Fed by the recorder, kept small. */
import type { PhasePart } from '../metrics/labels.ts';
import { createCurveStore, type CurveStore } from './curve-store.ts';
import { type PhaseTimes, shownParts } from './messages.ts';

export interface WorkerFigures {
  readonly computeSeconds: number;
  readonly lastShare: number;
}

/** How fast the run is, as the progress line has it. */
export interface Rate {
  readonly imagesPerSecond?: number | undefined;
  readonly remainingSeconds?: number | undefined;
}

export interface LiveFigures {
  /** A worker answered; `counts`: in time. */
  measured(worker: string, computeSeconds: number, counts: boolean): void;
  /** `seconds`: from the commit before, by part. */
  committed(phase: string, seconds: Readonly<Record<PhasePart, number>>): void;
  stepCompleted(step: number, images: number, seconds: number, rate: Rate): void;
  readonly speed: CurveStore;
  phases(): PhaseTimes[];
  workers(): ReadonlyMap<string, WorkerFigures>;
  rate(): Rate;
}

/** Rounds that a mean looks back, in the sense of an exponential one. */
const memoryRounds = 30;
/** Names of workers may be new for ever. */
const maximumWorkers = 1024;

export function createLiveFigures(): LiveFigures {
  const speed = createCurveStore();
  const phases = new Map<string, PhaseTimes>();
  const workers = new Map<string, WorkerFigures>();
  let lastToAnswer: string | undefined;
  let answered = new Set<string>();
  let rate: Rate = {};
  return {
    measured(worker, computeSeconds, counts) {
      if (counts) {
        answered.add(worker);
        lastToAnswer = worker;
      }
      const before = workers.get(worker);
      workers.delete(worker);
      workers.set(worker, { computeSeconds: toward(before?.computeSeconds, computeSeconds), lastShare: before?.lastShare ?? 0 });
      if (workers.size > maximumWorkers) workers.delete(workers.keys().next().value!);
    },
    committed(phase, seconds) {
      const before = phases.get(phase)?.seconds;
      const now = shown(seconds);
      const next = shownParts.map((part) => [part, toward(before?.[part], now[part])]);
      phases.set(phase, { phase, seconds: Object.fromEntries(next) as PhaseTimes['seconds'] });
      // One worker alone is always the last, which says nothing.
      if (answered.size > 1)
        for (const name of answered) {
          const worker = workers.get(name);
          if (worker !== undefined) workers.set(name, { ...worker, lastShare: toward(worker.lastShare, name === lastToAnswer ? 1 : 0) });
        }
      answered = new Set();
    },
    stepCompleted(step, images, seconds, now) {
      rate = now;
      if (seconds > 0) speed.add(step, { imagesPerSecond: images / seconds });
    },
    speed,
    phases: () => [...phases.values()],
    workers: () => workers,
    rate: () => rate,
  };
}

/** Few enough to be told apart in a bar. */
function shown({ idle, checkpoint, data, serialise, send, ...rest }: Readonly<Record<PhasePart, number>>): PhaseTimes['seconds'] {
  return { ...rest, send: data + serialise + send, between: idle + checkpoint };
}

function toward(before: number | undefined, value: number): number {
  return before === undefined ? value : before + (value - before) / memoryRounds;
}
