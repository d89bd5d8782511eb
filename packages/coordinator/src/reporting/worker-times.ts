/**
 * What each worker does with its time, and which of them keep the others waiting, round by round.
 *
 * Responsible for: measuring answers, and telling metrics and the log. Not responsible for: who counts as late, and why
 * (`metrics/stragglers.ts`).
 */
import type { Log, PeerId } from '@lockstep/shared';
import type { Effect } from '../core/effects.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { type Answered, createStragglers, type Standing, type StragglerCause } from '../metrics/stragglers.ts';

export interface WorkerTimes {
  beginRound(): void;
  /** A WORK is about to be made and sent. */
  assigned(peer: PeerId): void;
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
  const told = new Map<string, StragglerCause>();
  /** Of this round. */
  const assignedMs = new Map<PeerId, number>();
  const answers = new Map<string, Answered>();
  let roundStartMs = 0;

  const tell = (worker: string): void => {
    const { cause, lateSeconds = 0 } = stragglers.standings.get(worker) ?? {};
    if (cause === told.get(worker)) return;
    if (cause === undefined) {
      told.delete(worker);
      return log.info(`Worker ${worker} keeps up with the others again.`);
    }
    told.set(worker, cause);
    log.warn(`Worker ${worker} keeps the others waiting: its answers come ${lateSeconds.toFixed(2)} s late, ${causeWords[cause]}.`);
  };

  return {
    beginRound() {
      roundStartMs = nowMs();
      assignedMs.clear();
      answers.clear();
    },
    assigned: (peer) => void assignedMs.set(peer, nowMs()),
    answered({ peer, worker, task, shards, computeSeconds }) {
      const answerSeconds = (nowMs() - (assignedMs.get(peer) ?? nowMs())) / 1000;
      metrics.workerAnswered(worker, { answer: answerSeconds, compute: computeSeconds });
      if (task !== 'gradient') return;
      // It may have been given the shards of a lost worker as well.
      const before = answers.get(worker) ?? { shards: 0, answerSeconds: 0, computeSeconds: 0 };
      answers.set(worker, {
        worker,
        shards: before.shards + shards,
        answerSeconds: before.answerSeconds + answerSeconds,
        computeSeconds: before.computeSeconds + computeSeconds,
      });
    },
    committed() {
      const roundSeconds = (nowMs() - roundStartMs) / 1000;
      stragglers.round([...answers.values()]);
      for (const { worker, answerSeconds, computeSeconds } of answers.values()) {
        const compute = Math.min(computeSeconds, answerSeconds);
        const seconds = { compute, link: answerSeconds - compute, waiting: Math.max(0, roundSeconds - answerSeconds) };
        metrics.workerCommitted(worker, seconds, stragglers.standings.get(worker));
        tell(worker);
      }
    },
    left(worker) {
      stragglers.forget(worker);
      told.delete(worker);
    },
    standing: (worker) => stragglers.standings.get(worker),
  };
}
