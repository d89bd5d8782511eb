/**
 * The method of every benchmark: burn in all contestants, then measure each once per repeat, in turn.
 *
 * Taking turns makes a disturbance of the machine affect all contestants alike; which one goes first changes from repeat to repeat.
 */

export interface Contestant<Sample> {
  readonly name: string;
  readonly workers: number;
  /**
   * Does the work once, briefly and unmeasured: starts it, warms files and caches, shows that it works. Returns why it cannot take part
   * on this machine and what to do, if it cannot.
   */
  burnIn(): Promise<string | undefined>;
  measure(): Promise<Sample>;
  end?(): Promise<void>;
}

export interface Skip {
  readonly name: string;
  readonly workers: number;
  readonly reason: string;
}

export interface Measured<Sample> {
  readonly name: string;
  readonly workers: number;
  /** In the order they were measured. */
  readonly samples: readonly Sample[];
}

export interface Measurements<Sample> {
  readonly measured: readonly Measured<Sample>[];
  readonly skipped: readonly Skip[];
}

/** Throws what a contestant throws; what was measured by then has been printed. Every contestant is ended, whatever happens. */
export async function takeTurns<Sample>(
  contestants: readonly Contestant<Sample>[],
  repeats: number,
  say: (line: string) => void,
): Promise<Measurements<Sample>> {
  const skipped: Skip[] = [];
  const able: { contestant: Contestant<Sample>; samples: Sample[] }[] = [];
  try {
    for (const contestant of contestants) {
      const { name, workers } = contestant;
      say(`burn-in: ${name}, workers ${workers}`);
      const reason = await contestant.burnIn();
      if (reason === undefined) able.push({ contestant, samples: [] });
      else skipped.push({ name, workers, reason });
    }
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      const first = able.length === 0 ? 0 : repeat % able.length;
      for (const { contestant, samples } of [...able.slice(first), ...able.slice(0, first)]) {
        say(`repeat ${repeat + 1} of ${repeats}: ${contestant.name}, workers ${contestant.workers}`);
        const sample = await contestant.measure();
        samples.push(sample);
        // At once: the next one may fail, hours later.
        say(`  ${JSON.stringify(sample)}`);
      }
    }
    return { measured: able.map(({ contestant: { name, workers }, samples }) => ({ name, workers, samples })), skipped };
  } finally {
    await Promise.all(contestants.map(async (contestant) => contestant.end?.()));
  }
}

/** One line for each reason, with all the names it holds for. */
export function skipNotes(skipped: readonly Skip[]): string[] {
  const namesByReason = new Map<string, Set<string>>();
  for (const { name, reason } of skipped) {
    const names = namesByReason.get(reason) ?? new Set();
    namesByReason.set(reason, names.add(name));
  }
  return [...namesByReason].map(([reason, names]) => `Skipped: ${[...names].join(', ')}. ${reason}`);
}
