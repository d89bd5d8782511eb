/** Time that moves from one timer to the next, and processes whose share of it can be frozen or ended. */
import type { Clock } from '@lockstep/shared';
import type { Random } from './random.ts';

export interface WorldClock extends Clock {
  /** Moves to the earliest timer and runs it; timers of one moment run in seeded order. False: nobody waits for anything. */
  runNext(): boolean;
  /** Timers that are set. */
  pending(): number;
}

interface Entry {
  readonly atMs: number;
  readonly tie: number;
  callback: (() => void) | undefined;
}

export function createWorldClock(random: Random): WorldClock {
  const heap: Entry[] = [];
  let nowMs = 0;
  let pending = 0;
  return {
    nowMs: () => nowMs,
    pending: () => pending,
    after(delayMs, callback) {
      // Whole milliseconds, so that much happens at one moment.
      const entry: Entry = { atMs: nowMs + Math.ceil(Math.max(0, delayMs)), tie: random.below(2 ** 30), callback };
      push(heap, entry);
      pending += 1;
      return {
        cancel() {
          if (entry.callback === undefined) return;
          entry.callback = undefined;
          pending -= 1;
        },
      };
    },
    runNext() {
      for (let entry = pop(heap); entry !== undefined; entry = pop(heap)) {
        const { callback } = entry;
        if (callback === undefined) continue;
        entry.callback = undefined;
        pending -= 1;
        nowMs = entry.atMs;
        callback();
        return true;
      }
      return false;
    },
  };
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.tie < b.tie);
}

/** A binary heap: children of `i` at 2i + 1 and 2i + 2. */
function push(heap: Entry[], entry: Entry): void {
  let at = heap.length;
  heap.push(entry);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(entry, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): Entry | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
    if (!isBefore(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return first;
}

/** A process as far as time is concerned. Whatever reaches it, messages and disks included, comes through its clock. */
export interface Process {
  readonly name: string;
  readonly clock: Clock;
  isAlive(): boolean;
  isFrozen(): boolean;
  freeze(): void;
  /** What was due meanwhile runs at once, each in a turn of its own. */
  thaw(): void;
  /** As `kill -9`: nothing of it runs any more. */
  kill(): void;
}

/** `startMs`: what its clock shows at the world's zero, since monotonic clocks of two processes have nothing to do with each other. */
export function createProcess(name: string, world: Clock, startMs: number): Process {
  let alive = true;
  let frozen = false;
  let held: (() => void)[] = [];
  const run = (callback: () => void): void => {
    if (!alive) return;
    if (frozen) held.push(callback);
    else callback();
  };
  return {
    name,
    clock: {
      nowMs: () => world.nowMs() + startMs,
      after(delayMs, callback) {
        let cancelled = false;
        const timer = world.after(delayMs, () => run(() => void (cancelled || callback())));
        return {
          cancel() {
            cancelled = true;
            timer.cancel();
          },
        };
      },
    },
    isAlive: () => alive,
    isFrozen: () => frozen,
    freeze: () => void (frozen = true),
    thaw() {
      frozen = false;
      const due = held;
      held = [];
      for (const callback of due) world.after(0, () => run(callback));
    },
    kill() {
      alive = false;
      held = [];
    },
  };
}

export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve));
}
