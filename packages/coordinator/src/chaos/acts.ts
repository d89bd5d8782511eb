/** What is done to the workers of a run, and when: drawn from a seed before anything happens. Pure. */
import { sequence } from '@lockstep/shared';

/** `delay`: stopped for less than a second, so that its answer is late. `stop`: for longer than heartbeats wait, so that it may be lost. */
export type ActName = 'kill' | 'stop' | 'delay';

export interface Act {
  readonly act: ActName;
  /** From the beginning. */
  readonly atMs: number;
  /** Until a stopped worker continues; 0 for a kill. */
  readonly forMs: number;
  /** Which of the workers that are there then: its remainder by their number. */
  readonly draw: number;
}

export interface Rates {
  readonly seed: number;
  readonly durationMs: number;
  /** Milliseconds from one to the next, on average; 0: none. */
  readonly everyMs: Readonly<Record<ActName, number>>;
}

/** Of no other purpose of a seed (`streams`). */
const stream = 0x7000;
const longest: Readonly<Record<ActName, number>> = { kill: 0, stop: 10_000, delay: 1000 };

/** In order of time. A worker that is stopped continues before the end. */
export function drawActs({ seed, durationMs, everyMs }: Rates): Act[] {
  const acts = (Object.keys(longest) as ActName[]).flatMap((act, index) => {
    const next = sequence(seed, stream, index, 0);
    const share = (): number => next() / 2 ** 32;
    const drawn: Act[] = [];
    if (everyMs[act] === 0) return drawn;
    // Anything from half of the interval to one and a half.
    for (let atMs = everyMs[act] * share(); atMs < durationMs; atMs += everyMs[act] * (0.5 + share()))
      drawn.push({ act, atMs, forMs: Math.min(longest[act] * share(), durationMs - atMs), draw: next() });
    return drawn;
  });
  return acts.toSorted((a, b) => a.atMs - b.atMs);
}
