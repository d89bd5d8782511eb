/** What the live page is told: what server and browser share. Every part is whole in itself, so that hearing it twice does no harm. */

/** How a run stands. `quiet`: its files say neither that it ended nor that it goes on. */
export type RunState = 'starting' | 'waiting' | 'training' | 'finishing' | 'finished' | 'stopped' | 'failed' | 'quiet';

export interface WorkerRow {
  readonly name: string;
  readonly host: string;
  readonly device: string;
  readonly state: string;
  /** Of the rounds lately: how long it computed in one. */
  readonly computeSeconds?: number | undefined;
  /** Of the rounds lately: how often the others had answered before it, from 0 to 1. */
  readonly lastShare?: number | undefined;
  /** Whether and why it is late, and what follows. */
  readonly note?: string | undefined;
  readonly shards?: number | undefined;
}

/** What the time from one commit to the next is shown as. */
export const shownParts = ['compute', 'wait', 'send', 'reduce', 'apply', 'between'] as const;
export type ShownPart = (typeof shownParts)[number];

/** Seconds of a phase's rounds, lately. */
export interface PhaseTimes {
  readonly phase: string;
  readonly seconds: Readonly<Record<ShownPart, number>>;
}

export interface Head {
  readonly name: string;
  readonly runId: string;
  readonly recipe: string;
  readonly seed?: number | undefined;
  readonly state: RunState;
  /** One sentence that says why. */
  readonly reason: string;
  readonly step: number;
  readonly steps?: number | undefined;
  readonly imagesPerSecond?: number | undefined;
  readonly remainingSeconds?: number | undefined;
  readonly workersWanted?: number | undefined;
  readonly workers: readonly WorkerRow[];
  readonly phases: readonly PhaseTimes[];
}

/** Curves over steps, as means over a few steps each. They replace what was known from point `from` on. */
export interface Curves {
  readonly from: number;
  readonly steps: readonly number[];
  /** By name (`loss.generator`): one value a point, null where there is none. */
  readonly series: Readonly<Record<string, readonly (number | null)[]>>;
}

export interface EventRow {
  readonly time: string;
  readonly event: string;
  readonly text: string;
}

/** `curves`: what losses.jsonl holds. `speed`: what this life of the coordinator has measured. */
export interface RunParts {
  readonly head: Head;
  readonly curves: Curves;
  readonly speed: Curves;
  readonly events: readonly EventRow[];
  /** Steps of which there are pictures. */
  readonly grids: readonly number[];
}

/** One event of the stream. The first messages after connecting say everything, one for each of `count` runs; then only what is new. */
export interface RunMessage extends Partial<RunParts> {
  readonly run: number;
  readonly count: number;
}
