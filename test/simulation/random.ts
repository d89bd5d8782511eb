/** Seeded choices. One world draws everything from one of these, in the order of its events, so that a seed replays it. */
import { sequence } from '@lockstep/shared';

export interface Random {
  /** An integer in [0, bound). */
  below(bound: number): number;
  /** An integer in [least, most]. */
  between(least: number, most: number): number;
  /** True this often of a hundred times. */
  chance(percent: number): boolean;
  pick<T>(choices: readonly T[]): T;
}

/** Of no other purpose of the run's seed (`streams`). */
const stream = 0x6000;

export function createRandom(seed: number): Random {
  const next = sequence(seed, stream, 0, 0);
  const below = (bound: number): number => next() % bound;
  return {
    below,
    between: (least, most) => least + below(most - least + 1),
    chance: (percent) => below(100) < percent,
    pick: (choices) => choices[below(choices.length)]!,
  };
}
