/**
 * Which workers are late again and again, by how much, and why.
 *
 * An answer is late by what its worker computed longer than is usual for so many shards, and by what its link took longer than is usual:
 * usual is the median of the round. A worker is a straggler if one of the two stands out in most of its last rounds, from a floor and from
 * how the others scatter; the cause is the greater one.
 *
 * Rounds need not wait for it: others compute what is late. An answer that comes after its round is compared with the last round of its
 * phase, and every round that goes on meanwhile without the worker counts with what its last two answers have in common. So one long pause
 * makes no straggler, but a worker that is mostly away is one, as soon as if everybody had waited for it.
 *
 * Pure: figures come in, a verdict comes out. Not responsible for: measuring, or telling.
 */
import { median, quantile } from '../core/quantile.ts';

export const stragglerCauses = ['compute', 'link'] as const;
export type StragglerCause = (typeof stragglerCauses)[number];

/** What a worker did for a round. */
export interface Answered {
  readonly worker: string;
  readonly shards: number;
  /** From sending its WORK to its answer. */
  readonly answerSeconds: number;
  /** As it reports it. */
  readonly computeSeconds: number;
}

export interface Standing {
  /** In the median over the window; negative for a worker that is early. */
  readonly lateSeconds: number;
  /** Set while it is a straggler. */
  readonly cause: StragglerCause | undefined;
}

export interface Stragglers {
  /** The answers that a committed round of a phase is made of, and who still computes for it or for an earlier one. */
  round(phase: number, answers: readonly Answered[], away?: readonly string[]): void;
  /** One that came too late to count. */
  late(phase: number, answer: Answered): void;
  /** Why a worker is a straggler, if it is one. */
  cause(worker: string): StragglerCause | undefined;
  /** Of workers with enough rounds, worked out when asked for. */
  readonly standings: ReadonlyMap<string, Standing>;
  forget(worker: string): void;
}

type Excess = Readonly<Record<StragglerCause, number>>;

/** What is usual in a phase, and from where on something stands out from it. */
interface Usual {
  readonly computeSecondsPerShard: number;
  readonly linkSeconds: number;
  readonly threshold: Excess;
}

interface Observation {
  readonly excess: Excess;
  readonly threshold: Excess;
}

interface History {
  /** Its last answer, and the one before. */
  last: Observation | undefined;
  before: Observation | undefined;
  /** Of the last rounds, oldest first. */
  readonly rounds: Observation[];
  cause: StragglerCause | undefined;
}

/** Rounds that are looked at: long enough to pass over one slow answer, short enough to name a worker within ten steps. */
const windowRounds = 12;
/** Fewer say nothing yet. */
const leastRounds = 8;
/** What is less is not worth a line, however regular the others are. */
const floorSeconds = 0.02;
/** Nor is what is less than this share of a usual answer. */
const floorShare = 0.25;
/** Times the median deviation of a round: what scatters by chance stays below. */
const deviations = 5;
/** A worker that is late stays so until it is well below the threshold: no verdict flickers. */
const releaseShare = 0.6;
/** Among two or three workers, somebody is the slower one by chance in every round: who is late is late in three rounds of four. */
const lateShare = 0.25;

export function createStragglers(): Stragglers {
  const usuals = new Map<number, Usual>();
  const histories = new Map<string, History>();

  function answered(answer: Answered, usual: Usual): void {
    const { worker } = answer;
    const history = histories.get(worker) ?? { last: undefined, before: undefined, rounds: [], cause: undefined };
    histories.set(worker, history);
    const observation = { excess: excessOf(answer, usual), threshold: usual.threshold };
    history.before = history.last;
    history.last = observation;
    observe(history, observation);
  }

  function observe(history: History, observation: Observation): void {
    const { rounds } = history;
    rounds.push(observation);
    if (rounds.length > windowRounds) rounds.shift();
    if (rounds.length >= leastRounds) history.cause = causeOf(rounds, history.cause);
  }

  return {
    cause: (worker) => histories.get(worker)?.cause,
    get standings() {
      const judged = [...histories].filter(([, { rounds }]) => rounds.length >= leastRounds);
      return new Map(judged.map(([worker, { rounds, cause }]) => [worker, { lateSeconds: lateSecondsOf(rounds), cause }]));
    },
    round(phase, answers, away = []) {
      // One alone can be compared with nobody.
      if (answers.length + away.length < 2) return;
      const usual = usualOf(answers);
      usuals.set(phase, usual);
      for (const answer of answers) answered(answer, usual);
      for (const worker of away) {
        const history = histories.get(worker);
        const { last, before } = history ?? {};
        if (last === undefined || before === undefined) continue;
        observe(history!, { excess: lesser(before.excess, last.excess), threshold: last.threshold });
      }
    },
    late(phase, answer) {
      const usual = usuals.get(phase);
      if (usual !== undefined) answered(answer, usual);
    },
    forget(worker) {
      histories.delete(worker);
    },
  };
}

function usualOf(answers: readonly Answered[]): Usual {
  const computeSecondsPerShard = median(answers.map(({ computeSeconds, shards }) => computeSeconds / shards));
  const linkSeconds = median(answers.map(linkSecondsOf));
  const floor = Math.max(floorSeconds, floorShare * median(answers.map(({ answerSeconds }) => answerSeconds)));
  const usual = { computeSecondsPerShard, linkSeconds, threshold: { compute: floor, link: floor } };
  const excesses = answers.map((answer) => excessOf(answer, usual));
  const thresholdOf = (cause: StragglerCause): number =>
    Math.max(floor, deviations * median(excesses.map((excess) => Math.abs(excess[cause]))));
  return { ...usual, threshold: { compute: thresholdOf('compute'), link: thresholdOf('link') } };
}

function excessOf(answer: Answered, { computeSecondsPerShard, linkSeconds }: Usual): Excess {
  const { computeSeconds, shards } = answer;
  return { compute: computeSeconds - computeSecondsPerShard * shards, link: linkSecondsOf(answer) - linkSeconds };
}

function linkSecondsOf({ answerSeconds, computeSeconds }: Answered): number {
  return Math.max(0, answerSeconds - computeSeconds);
}

function lesser(a: Excess, b: Excess): Excess {
  return { compute: Math.min(a.compute, b.compute), link: Math.min(a.link, b.link) };
}

/** In the median. */
function lateSecondsOf(rounds: readonly Observation[]): number {
  return median(rounds.map(({ excess }) => excess.compute + excess.link));
}

function causeOf(rounds: readonly Observation[], before: StragglerCause | undefined): StragglerCause | undefined {
  const share = before === undefined ? 1 : releaseShare;
  const [cause] = stragglerCauses
    .filter((each) => standsOut(rounds, each, share))
    .sort((a, b) => excessIn(rounds, b) - excessIn(rounds, a));
  return cause;
}

/** Whether a worker is late by more than this share of the threshold. */
function standsOut(rounds: readonly Observation[], cause: StragglerCause, share: number): boolean {
  // No threshold is below the floor: nearly every worker is seen to keep up without sorting, which this is asked for in every round.
  let kept = 0;
  for (const { excess } of rounds) if (excess[cause] <= floorSeconds * share) kept += 1;
  if (kept > (rounds.length - 1) * lateShare) return false;
  const thresholds = rounds.map(({ threshold }) => threshold[cause]);
  return excessIn(rounds, cause) > median(thresholds) * share;
}

function excessIn(rounds: readonly Observation[], cause: StragglerCause): number {
  return quantile(
    rounds.map(({ excess }) => excess[cause]),
    lateShare,
  );
}
