/**
 * The figures of the step under way: where its rounds' time goes, and its line of losses.jsonl in the making.
 *
 * Not responsible for: where figures are written (`recorder.ts`), or for rates over many steps (`throughput.ts`).
 */
import type { Committed } from '../training/round.ts';

/** A step's line of losses.jsonl so far, kept in checkpoints. By network, the last round wins. */
export interface StepRecord {
  readonly loss: Readonly<Record<string, number>>;
  readonly gradientNorm: Readonly<Record<string, number>>;
  readonly metrics: Readonly<Record<string, number>>;
}

const emptyRecord: StepRecord = { loss: {}, gradientNorm: {}, metrics: {} };

/** Seconds of one round. */
export interface RoundTimes {
  /** The slowest worker, as it reports it. */
  readonly computeSeconds: number;
  /** Neither computing nor adding nor applying: assignment, the network, queues. */
  readonly waitSeconds: number;
}

export interface StepFigures {
  beginRound(): void;
  measured(computeSeconds: number): void;
  commit(round: Committed): RoundTimes;
  /** The line of the step, and its duration. The next step begins with nothing. */
  completeStep(): { readonly record: StepRecord; readonly seconds: number };
  /** For a checkpoint. */
  record(): StepRecord;
  /** Of every network, by its last committed round. */
  losses(): Readonly<Record<string, number>>;
}

/** `partial`: what a checkpoint holds of the step under way. */
export function createStepFigures(partial: StepRecord | undefined, nowMs: () => number): StepFigures {
  let record = partial ?? emptyRecord;
  let losses: Readonly<Record<string, number>> = {};
  let stepStartMs: number | undefined;
  let roundStartMs = 0;
  let slowestSeconds = 0;
  return {
    beginRound() {
      roundStartMs = nowMs();
      stepStartMs ??= roundStartMs;
      slowestSeconds = 0;
    },
    measured(computeSeconds) {
      slowestSeconds = Math.max(slowestSeconds, computeSeconds);
    },
    commit({ network, loss, gradientNorm, metrics, reduceSeconds, applySeconds }) {
      losses = { ...losses, [network]: loss };
      record = {
        loss: { ...record.loss, [network]: loss },
        gradientNorm: { ...record.gradientNorm, [network]: gradientNorm },
        metrics: { ...record.metrics, ...metrics },
      };
      const seconds = (nowMs() - roundStartMs) / 1000;
      return { computeSeconds: slowestSeconds, waitSeconds: Math.max(0, seconds - slowestSeconds - reduceSeconds - applySeconds) };
    },
    completeStep() {
      const now = nowMs();
      const completed = { record, seconds: (now - (stepStartMs ?? now)) / 1000 };
      record = emptyRecord;
      stepStartMs = undefined;
      return completed;
    },
    record: () => record,
    losses: () => losses,
  };
}
