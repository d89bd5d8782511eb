/**
 * The figures of the step under way: where its rounds' time goes, and its line of losses.jsonl in the making.
 *
 * Not responsible for: where figures are written (`recorder.ts`), or for rates over many steps (`throughput.ts`).
 */
import type { PhasePart } from '../metrics/labels.ts';
import type { Committed, NotFinite } from '../training/round.ts';

/** A step's line of losses.jsonl. Of a phase's repetitions, the last one counts. */
export interface StepRecord {
  /** By phase. */
  readonly loss: Readonly<Record<string, number>>;
  /** By phase or, where a phase updates several networks, by `phase/network`. */
  readonly gradientNorm: Readonly<Record<string, number>>;
  /** By name; a name that an earlier phase of the step has reported is `phase/name`. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** The line so far, kept in checkpoints. */
export interface PartialRecord extends StepRecord {
  /** Which phase a metric belongs to. Absent in checkpoints of earlier versions. */
  readonly metricPhases?: Readonly<Record<string, string>>;
}

const emptyRecord: PartialRecord = { loss: {}, gradientNorm: {}, metrics: {} };

/** Seconds from the commit before a round to its own: they add up. */
export type RoundSeconds = Readonly<Record<PhasePart, number>>;

/** What the coordinator does itself, and has timed. */
export type TimedPart = Extract<PhasePart, 'checkpoint' | 'data' | 'serialise' | 'send'>;

export interface StepFigures {
  beginRound(): void;
  spent(part: TimedPart, seconds: number): void;
  /** How long a worker computed. */
  measured(computeSeconds: number): void;
  commit(round: Committed): RoundSeconds;
  /** Its figures are part of the line, as null where they are not finite. Its time is idle. */
  skip(round: NotFinite): void;
  /** The line of the step, and its duration. The next step begins with nothing. */
  completeStep(): { readonly record: StepRecord; readonly seconds: number };
  /** For a checkpoint. */
  record(): PartialRecord;
  /** Of every phase, by its last committed round. */
  losses(): Readonly<Record<string, number>>;
}

/** `partial`: what a checkpoint holds of the step under way. */
export function createStepFigures(partial: PartialRecord | undefined, nowMs: () => number): StepFigures {
  let record = partial ?? emptyRecord;
  let losses: Readonly<Record<string, number>> = {};
  let stepStartMs: number | undefined;
  let roundStartMs = 0;
  let lastCommitMs: number | undefined;
  let slowestSeconds = 0;
  const timed = { checkpoint: 0, data: 0, serialise: 0, send: 0 };
  return {
    beginRound() {
      roundStartMs = nowMs();
      stepStartMs ??= roundStartMs;
      slowestSeconds = 0;
      // What was sent for a grid lies between rounds, as does what was sent for a round that was given up.
      timed.data = timed.serialise = timed.send = 0;
    },
    spent(part, seconds) {
      timed[part] += seconds;
    },
    measured(computeSeconds) {
      slowestSeconds = Math.max(slowestSeconds, computeSeconds);
    },
    commit(round) {
      const { reduceSeconds, applySeconds } = round;
      losses = { ...losses, [round.phase]: round.loss };
      record = withRound(record, round);
      const now = nowMs();
      const betweenSeconds = (roundStartMs - (lastCommitMs ?? roundStartMs)) / 1000;
      const checkpoint = Math.min(timed.checkpoint, betweenSeconds);
      const { data, serialise, send } = timed;
      const busySeconds = data + serialise + send + reduceSeconds + applySeconds;
      // All that is left was spent waiting for workers: for what the slowest computed, and for its messages.
      const leftSeconds = Math.max(0, (now - roundStartMs) / 1000 - busySeconds);
      const compute = Math.min(slowestSeconds, leftSeconds);
      lastCommitMs = now;
      timed.checkpoint = 0;
      return {
        idle: betweenSeconds - checkpoint,
        checkpoint,
        data,
        serialise,
        send,
        compute,
        wait: leftSeconds - compute,
        reduce: reduceSeconds,
        apply: applySeconds,
      };
    },
    skip: (round) => void (record = withRound(record, round)),
    completeStep() {
      const now = nowMs();
      const { metricPhases: _, ...line } = record;
      const completed = { record: line, seconds: (now - (stepStartMs ?? now)) / 1000 };
      record = emptyRecord;
      stepStartMs = undefined;
      return completed;
    },
    record: () => record,
    losses: () => losses,
  };
}

function withRound(record: PartialRecord, { phase, loss, networks, metrics }: Committed | NotFinite): PartialRecord {
  const owners = new Map(Object.entries(record.metricPhases ?? {}));
  for (const name of Object.keys(metrics)) if (!owners.has(name)) owners.set(name, phase);
  const norms = networks.map(({ name, gradientNorm }) => [networks.length === 1 ? phase : `${phase}/${name}`, gradientNorm] as const);
  const named = Object.entries(metrics).map(([name, value]) => [owners.get(name) === phase ? name : `${phase}/${name}`, value] as const);
  return {
    loss: { ...record.loss, [phase]: loss },
    gradientNorm: { ...record.gradientNorm, ...Object.fromEntries(norms) },
    metrics: { ...record.metrics, ...Object.fromEntries(named) },
    metricPhases: Object.fromEntries(owners),
  };
}
