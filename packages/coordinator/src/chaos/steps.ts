/** How fast a run steps while somebody looks: from how many steps were done at which moments. */

export interface Pace {
  /** Undefined where no step was done. */
  readonly secondsPerStep: number | undefined;
  /** The longest time in which no step was seen. */
  readonly longestGapSeconds: number;
}

export interface PaceMeter {
  /** So many steps were done by now. */
  seen(steps: number, nowMs: number): void;
  /** Since the last call, or the first sight. */
  take(nowMs: number): Pace;
}

export function createPaceMeter(): PaceMeter {
  let first: { steps: number; atMs: number } | undefined;
  let last = { steps: 0, atMs: 0 };
  let longestGapMs = 0;
  const look = (steps: number, nowMs: number): void => {
    first ??= last = { steps, atMs: nowMs };
    longestGapMs = Math.max(longestGapMs, nowMs - last.atMs);
    if (steps > last.steps) last = { steps, atMs: nowMs };
  };
  return {
    seen: look,
    take(nowMs) {
      const { steps, atMs } = first ?? { steps: 0, atMs: nowMs };
      const done = last.steps - steps;
      const pace = {
        secondsPerStep: done > 0 ? (nowMs - atMs) / 1000 / done : undefined,
        longestGapSeconds: Math.max(longestGapMs, nowMs - last.atMs) / 1000,
      };
      first = last = { steps: last.steps, atMs: nowMs };
      longestGapMs = 0;
      return pace;
    },
  };
}
