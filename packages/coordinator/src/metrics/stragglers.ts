/**
 * Which workers keep the others waiting, by how much, and why.
 *
 * An answer is late by what its worker computed longer than is usual for so many shards, and by what its link took longer than is usual:
 * usual is the median of the round. A worker is a straggler if one of the two stands out in most of its last rounds, from a floor and from
 * how the others scatter; the cause is the greater one. Pure: figures come in, a verdict comes out. Not responsible for: measuring, or telling.
 */

export const stragglerCauses = ['compute', 'link'] as const;
export type StragglerCause = (typeof stragglerCauses)[number];

/** One worker's part of a round. */
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
  /** The answers of a committed round. A round that one worker answered alone compares nothing. */
  round(answers: readonly Answered[]): void;
  /** Of workers with enough rounds. */
  readonly standings: ReadonlyMap<string, Standing>;
  forget(worker: string): void;
}

type Excess = Readonly<Record<StragglerCause, number>>;

interface History {
  /** All that it took part in. */
  rounds: number;
  /** Of the last rounds, oldest first. */
  readonly excesses: Excess[];
  /** Where each began to stand out in these rounds. */
  readonly thresholds: Excess[];
}

/** Rounds that are looked at: long enough to pass over one slow answer, short enough to name a worker within ten steps. */
const windowRounds = 12;
/** Fewer say nothing yet. */
const leastRounds = 8;
/** A worker's first rounds are not looked at: they compile and allocate. */
const firstRounds = 3;
/** What is less is not worth a line, however regular the others are. */
const floorSeconds = 0.02;
/** Nor is what is less than this share of a usual answer. */
const floorShare = 0.25;
/** Times the median deviation of a round: what scatters by chance stays below. */
const deviations = 5;
/** A worker that is late stays so until it is well below the threshold: no verdict flickers. */
const releaseShare = 0.6;

export function createStragglers(): Stragglers {
  const histories = new Map<string, History>();
  const standings = new Map<string, Standing>();
  return {
    standings,
    round(answers) {
      if (answers.length < 2) return;
      const { excesses, threshold } = compare(answers);
      for (const [index, { worker }] of answers.entries()) {
        const history = histories.get(worker) ?? { rounds: 0, excesses: [], thresholds: [] };
        histories.set(worker, history);
        history.rounds += 1;
        if (history.rounds <= firstRounds) continue;
        remember(history.excesses, excesses[index]!);
        remember(history.thresholds, threshold);
        if (history.excesses.length >= leastRounds) standings.set(worker, judge(history, standings.get(worker)?.cause));
      }
    },
    forget(worker) {
      histories.delete(worker);
      standings.delete(worker);
    },
  };
}

/** By how much each answer exceeds what is usual in the round, and from where on that stands out. */
function compare(answers: readonly Answered[]): { excesses: Excess[]; threshold: Excess } {
  const secondsPerShard = median(answers.map(({ computeSeconds, shards }) => computeSeconds / shards));
  const links = answers.map(({ answerSeconds, computeSeconds }) => Math.max(0, answerSeconds - computeSeconds));
  const usualLink = median(links);
  const excesses = answers.map(({ computeSeconds, shards }, index) => ({
    compute: computeSeconds - secondsPerShard * shards,
    link: links[index]! - usualLink,
  }));
  const floor = Math.max(floorSeconds, floorShare * median(answers.map(({ answerSeconds }) => answerSeconds)));
  const thresholdOf = (cause: StragglerCause): number =>
    Math.max(floor, deviations * median(excesses.map((excess) => Math.abs(excess[cause]))));
  return { excesses, threshold: { compute: thresholdOf('compute'), link: thresholdOf('link') } };
}

function judge({ excesses, thresholds }: History, before: StragglerCause | undefined): Standing {
  // Among two or three workers, somebody is the slower one by chance in every round: who is late is late in three rounds of four.
  const excess = quantilesOf(excesses, 0.25);
  const threshold = quantilesOf(thresholds, 0.5);
  const stands = (cause: StragglerCause): boolean => excess[cause] > threshold[cause] * (before === undefined ? 1 : releaseShare);
  const [cause] = stragglerCauses.filter(stands).sort((a, b) => excess[b] - excess[a]);
  return { lateSeconds: median(excesses.map(({ compute, link }) => compute + link)), cause };
}

function quantilesOf(values: readonly Excess[], share: number): Excess {
  return {
    compute: quantile(
      values.map(({ compute }) => compute),
      share,
    ),
    link: quantile(
      values.map(({ link }) => link),
      share,
    ),
  };
}

function remember<T>(values: T[], value: T): void {
  values.push(value);
  if (values.length > windowRounds) values.shift();
}

/** The lower one of two: of two workers, the slower one is late. */
function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)]!;
}
