/**
 * What each worker does with its time, and which of them are late again and again, round by round.
 *
 * Responsible for: measuring answers, those too that come too late to count, and telling metrics and the log. Not responsible for: who
 * counts as late, and why (`metrics/stragglers.ts`).
 */
import { type Log, onScrape } from '@lockstep/shared';
import type { Effect } from '../core/effects.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { type Answered, createStragglers, type Standing, type StragglerCause } from '../metrics/stragglers.ts';

export interface WorkerTimes {
  /** A round of this phase. */
  beginRound(phase: number): void;
  /** A WORK is about to be made and sent. */
  assigned(worker: string): void;
  answered(effect: Extract<Effect, { do: 'measure' }>): void;
  committed(): void;
  left(worker: string): void;
  /** Undefined until enough rounds were compared. */
  standing(worker: string): Standing | undefined;
}

const causeWords: Readonly<Record<StragglerCause, string>> = {
  compute: 'because it computes longer (compute)',
  link: 'because its messages take longer (link)',
};

export function createWorkerTimes(metrics: Metrics, log: Log, nowMs: () => number): WorkerTimes {
  const stragglers = createStragglers();
  const announcer = createAnnouncer(log);
  /** When each that has not answered yet was sent its WORK. */
  const sentMs = new Map<string, number>();
  /** Of this round. */
  const answers = new Map<string, Answered>();
  let round = { phase: 0, startMs: 0 };
  onScrape(metrics.registry, () => stragglers.standings.forEach((standing, worker) => metrics.workerStands(worker, standing)));

  function took({ worker, answerSeconds, computeSeconds }: Answered, waiting: number): void {
    const compute = Math.min(computeSeconds, answerSeconds);
    metrics.workerTook(worker, { compute, link: answerSeconds - compute, waiting });
  }

  function judged(worker: string): void {
    announcer.tell(worker, stragglers.cause(worker), () => stragglers.standings.get(worker)!.lateSeconds);
  }

  return {
    beginRound(phase) {
      round = { phase, startMs: nowMs() };
      answers.clear();
    },
    assigned: (worker) => void sentMs.set(worker, nowMs()),
    answered({ worker, task, phase, shards, computeSeconds, counts }) {
      const answerSeconds = (nowMs() - (sentMs.get(worker) ?? nowMs())) / 1000;
      sentMs.delete(worker);
      metrics.workerAnswered(worker, { answer: answerSeconds, compute: computeSeconds });
      if (task !== 'gradient') return;
      const answer = { worker, shards, answerSeconds, computeSeconds };
      if (!counts) {
        stragglers.late(phase, answer);
        took(answer, 0);
        return judged(worker);
      }
      // It may have been given the shards of a lost or late worker as well.
      const before = answers.get(worker);
      answers.set(worker, before === undefined ? answer : sum(before, answer));
    },
    committed() {
      const roundSeconds = (nowMs() - round.startMs) / 1000;
      const away = [...sentMs.keys()];
      stragglers.round(round.phase, [...answers.values()], away);
      for (const answer of answers.values()) {
        took(answer, Math.max(0, roundSeconds - answer.answerSeconds));
        judged(answer.worker);
      }
      away.forEach(judged);
    },
    left(worker) {
      stragglers.forget(worker);
      announcer.forget(worker);
      sentMs.delete(worker);
    },
    standing: (worker) => stragglers.standings.get(worker),
  };
}

/** One line when a worker becomes late, and one when it is so no more. */
function createAnnouncer(log: Log) {
  const told = new Map<string, StragglerCause>();
  return {
    tell(worker: string, cause: StragglerCause | undefined, lateSeconds: () => number): void {
      if (cause === told.get(worker)) return;
      if (cause === undefined) {
        told.delete(worker);
        return log.info(`Worker ${worker} keeps up with the others again.`);
      }
      told.set(worker, cause);
      log.warn(`Worker ${worker} is late again and again: its answers take ${lateSeconds().toFixed(2)} s longer, ${causeWords[cause]}.`);
    },
    forget: (worker: string) => void told.delete(worker),
  };
}

function sum(a: Answered, b: Answered): Answered {
  return {
    worker: a.worker,
    shards: a.shards + b.shards,
    answerSeconds: a.answerSeconds + b.answerSeconds,
    computeSeconds: a.computeSeconds + b.computeSeconds,
  };
}
