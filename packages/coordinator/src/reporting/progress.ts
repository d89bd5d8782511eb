/**
 * Progress on a terminal and in a log. On a terminal one line is redrawn in place, and log lines appear above it; to the log a line is
 * written now and then.
 *
 * Responsible for: streams, redraw limits, resizing. Not responsible for: words and timing (`progress-line.ts`). No clock, no timer: whoever
 * calls `update` passes the time. The cursor is never hidden, so nothing is left to restore even after kill -9; `stop` leaves it on a fresh line.
 */
import { formatEstimate, formatProgress, isLogDue, type LoggedAt, type ProgressView } from './progress-line.ts';

/** What is used of a `tty.WriteStream`. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

export interface Progress {
  /** Shows where the run is: at most ten redraws a second on a terminal, a log line when one is due elsewhere. */
  update(view: ProgressView, nowMs: number): void;
  /** Writes whole lines above the progress line: what a logger uses to write to the same terminal. */
  wrap(write: (text: string) => void): (text: string) => void;
  /** Shows `view` a last time and ends. Safe to repeat. */
  stop(view: ProgressView | undefined, nowMs: number): void;
}

const redrawEveryMs = 100;
const defaultColumns = 80;
const eraseBelow = '\u001b[J';

/**
 * `log` writes one line to the log, which must not be on `terminal`, if there is one (`isInteractive`). `start` is where the run stands when
 * this process takes it up.
 */
export function createProgress(options: {
  readonly terminal: ProgressStream | undefined;
  readonly log: (line: string) => void;
  readonly start: LoggedAt;
}): Progress {
  const logged = logProgress(options.log, options.start);
  if (options.terminal === undefined) return logged;
  const drawn = terminalProgress(options.terminal);
  return {
    update(view, nowMs) {
      drawn.update(view, nowMs);
      logged.update(view, nowMs);
    },
    wrap: (write) => drawn.wrap(write),
    stop(view, nowMs) {
      drawn.stop(view, nowMs);
      logged.stop(view, nowMs);
    },
  };
}

/** A terminal that understands a handful of control codes. */
export function isInteractive(stream: ProgressStream, environment: Readonly<Record<string, string | undefined>>): boolean {
  return stream.isTTY === true && environment['TERM'] !== 'dumb';
}

function terminalProgress(stream: ProgressStream): Progress {
  let view: ProgressView | undefined;
  let drawnMs = -Infinity;
  let drawnLength = 0;
  let isStopped = false;

  /** One column stays free: a character in the last one would wrap on some terminals. */
  const columns = (): number => (stream.columns === undefined || stream.columns < 2 ? defaultColumns : stream.columns);
  /** Back to where the line began. A terminal that has become narrower since has wrapped it over several rows. */
  const erasure = (): string => {
    if (drawnLength === 0) return '';
    const wrappedRows = Math.ceil(drawnLength / columns()) - 1;
    return `\r${wrappedRows > 0 ? `\u001b[${wrappedRows}A` : ''}${eraseBelow}`;
  };
  const draw = (): void => {
    if (view === undefined) return;
    const line = formatProgress(view, columns() - 1);
    stream.write(`${erasure()}${line}`);
    drawnLength = line.length;
  };
  stream.on('resize', draw);

  return {
    update(next, nowMs) {
      if (isStopped) return;
      view = next;
      if (nowMs - drawnMs < redrawEveryMs) return;
      drawnMs = nowMs;
      draw();
    },
    wrap(write) {
      return (text) => {
        if (isStopped || drawnLength === 0) return write(text);
        stream.write(erasure());
        drawnLength = 0;
        write(text);
        draw();
      };
    },
    stop(last) {
      if (isStopped) return;
      isStopped = true;
      stream.off('resize', draw);
      view = last ?? view;
      if (view === undefined) return;
      draw();
      stream.write('\n');
    },
  };
}

function logProgress(log: (line: string) => void, start: LoggedAt): Progress {
  let last: LoggedAt | undefined;
  let isEstimated = false;
  let isStopped = false;

  const write = (view: ProgressView, nowMs: number): void => {
    const estimate = isEstimated || view.step >= view.steps ? undefined : formatEstimate(view);
    isEstimated ||= estimate !== undefined;
    log(estimate === undefined ? formatProgress(view) : `${formatProgress(view)}; ${estimate}`);
    last = { step: view.step, nowMs };
  };

  return {
    update(view, nowMs) {
      if (!isStopped && isLogDue(last, start, view, nowMs)) write(view, nowMs);
    },
    wrap: (write) => write,
    stop(view, nowMs) {
      if (isStopped) return;
      isStopped = true;
      if (view !== undefined && view.step !== last?.step) write(view, nowMs);
    },
  };
}
