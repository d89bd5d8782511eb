/**
 * Time, as the runtimes see it: a monotonic clock and timers. Programs use `systemClock`; the simulator moves a clock of its own.
 *
 * Not responsible for: dates (`Date` is for logs and files only).
 */
export interface Clock {
  /** Milliseconds, monotonic; only differences mean something. */
  nowMs(): number;
  /** Runs `callback` once, after `delayMs` or a little later, never before this call returns. */
  after(delayMs: number, callback: () => void): Timer;
}

export interface Timer {
  /** Safe to repeat, and after it has run. */
  cancel(): void;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};
