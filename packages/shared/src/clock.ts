/**
 * Time, as the runtimes see it: a monotonic clock and timers. Programs use `systemClock`; the simulator moves a clock of its own.
 *
 * Not responsible for: dates (`Date` is for logs and files only).
 */
export interface Clock {
  /** Milliseconds, monotonic; only differences mean something. */
  nowMs(): number;
  /**
   * Runs `callback` once, after `delayMs` or a little later, never before this call returns. After 0: as soon as what has come in from
   * outside has been seen to.
   */
  after(delayMs: number, callback: () => void): Timer;
}

export interface Timer {
  /** Safe to repeat, and after it has run. */
  cancel(): void;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after(delayMs, callback) {
    if (delayMs <= 0) {
      const turn = setImmediate(callback);
      return { cancel: () => clearImmediate(turn) };
    }
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};
