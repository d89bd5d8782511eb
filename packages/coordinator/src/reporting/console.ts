/** What is said while a run goes on: log lines on standard output and in coordinator.log, and the progress line on a terminal. */
import { bothLogs, createLog, type Log, type LogLevel } from '@lockstep/shared';
import type { LogFile } from './log-file.ts';
import type { LoggedAt } from './progress-line.ts';
import { createProgress, isInteractive, type Progress, type ProgressStream } from './progress.ts';

export interface Console {
  readonly log: Log;
  /** `start` is where the run stands when this process takes it up. */
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
      // A terminal shows progress in place of log lines; the file has them all the same.
      const terminal = isInteractive(stdout, process.env) ? stdout : undefined;
      const progress = createProgress({ terminal, log: (line) => (terminal === undefined ? log : kept).info(line), start });
      write = progress.wrap(write);
      return progress;
    },
  };
}
