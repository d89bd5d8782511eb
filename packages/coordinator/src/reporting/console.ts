/** What a person sees during a run: log lines on standard output and in coordinator.log, and the progress line on a terminal. */
import { bothLogs, createLog, type Log, type LogLevel } from '@lockstep/shared';
import type { LogFile } from './log-file.ts';
import type { LoggedAt } from './progress-line.ts';
import { createProgress, isInteractive, type Progress, type ProgressStream } from './progress.ts';

export interface Console {
  readonly log: Log;
  /** `start` is where the run is when this process begins. */
  startProgress(start: LoggedAt): Progress;
}

export function createConsole(level: LogLevel, logFile: LogFile, stdout: ProgressStream = process.stdout): Console {
  let write = (text: string): void => void stdout.write(text);
  const shown = createLog({ level, destination: { write: (text) => write(text), isTTY: stdout.isTTY } });
  const kept = createLog({ level, destination: logFile });
  const log = bothLogs(shown, kept);
  return {
    log,
    startProgress(start) {
      // A terminal shows progress instead of log lines; the file gets the lines anyway.
      const terminal = isInteractive(stdout, process.env) ? stdout : undefined;
      const progress = createProgress({ terminal, log: (line) => (terminal === undefined ? log : kept).info(line), start });
      write = progress.wrap(write);
      return progress;
    },
  };
}
