/**
 * Notices that a run stands still: nothing was computed for two seconds. It then asks once a second for the line to be drawn again.
 *
 * While all is well it costs a timer every two seconds, whatever the number of rounds. Not responsible for: what is drawn.
 */
import type { Clock, Timer } from '@lockstep/shared';
import { awaitedWorkers } from '../core/describe.ts';
import type { State } from '../core/state.ts';
import { formatDuration } from './progress-line.ts';

export interface StallWatch {
  /** Something was assigned or computed; the first call begins the watch. */
  moved(): void;
  /** For how long nothing has; undefined while that is no stall. */
  stalledMs(): number | undefined;
  close(): void;
}

const stallMs = 2000;
const redrawEveryMs = 1000;

export function createStallWatch(clock: Clock, redraw: () => void): StallWatch {
  let movedMs = 0;
  let timer: Timer | undefined;
  function check(): void {
    const quietMs = clock.nowMs() - movedMs;
    // Set first: `redraw` may close the watch.
    timer = clock.after(quietMs < stallMs ? stallMs - quietMs : redrawEveryMs, check);
    if (quietMs >= stallMs) redraw();
  }
  return {
    moved() {
      movedMs = clock.nowMs();
      timer ??= clock.after(stallMs, check);
    },
    stalledMs() {
      const quietMs = clock.nowMs() - movedMs;
      return timer !== undefined && quietMs >= stallMs ? quietMs : undefined;
    },
    close() {
      timer?.cancel();
      timer = undefined;
    },
  };
}

/** Names that fit into a line. */
const maximumNames = 3;

/** 'waiting for local-1 (12 s)'; undefined where nobody is waited for. */
export function describeStall(state: State, stalledMs: number): string | undefined {
  const names = state.stage === 'starved' ? ['workers'] : awaitedWorkers(state);
  if (names.length === 0) return undefined;
  const more = names.length - maximumNames;
  const who = more > 0 ? `${names.slice(0, maximumNames).join(', ')} and ${more} more` : names.join(', ');
  return `waiting for ${who} (${formatDuration(stalledMs / 1000)})`;
}
