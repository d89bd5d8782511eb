/**
 * `coordinator.log` in the run directory: every log line, whatever becomes of standard output. It never fails: while it cannot be
 * written, lines are lost, and the next line that can be written follows a sentence that says how many.
 *
 * Bounded: at `maximumBytes` it is renamed to `coordinator.log.1`, replacing an earlier one, and a new file is begun.
 */
import { closeSync, fstatSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { version, type LogDestination } from '@lockstep/shared';

export interface LogFile extends LogDestination {
  write(text: string): void;
  /** Opens the file, and writes the lines from before first. */
  openAt(path: string): void;
  close(): void;
}

/** Lines that may be written before there is a file. */
const maximumEarlyLines = 100;

export function createLogFile(maximumBytes = 8 * 1024 * 1024): LogFile {
  const early: string[] = [];
  let path: string | undefined;
  let file: { readonly descriptor: number; bytes: number } | undefined;
  let linesLost = 0;

  function append(path: string, text: string): void {
    file ??= open(path);
    if (file.bytes > 0 && file.bytes + Buffer.byteLength(text) > maximumBytes) file = renew(path, file.descriptor);
    // Begins with a line end, since the last line may have been cut short.
    const missing = linesLost === 0 ? '' : `\n(${linesLost} lines are missing here: they could not be written.)\n`;
    writeFileSync(file.descriptor, missing + text);
    file.bytes += Buffer.byteLength(missing + text);
    linesLost = 0;
  }

  function write(text: string): void {
    if (path === undefined) {
      if (early.length < maximumEarlyLines) early.push(text);
      return;
    }
    try {
      append(path, text);
    } catch {
      linesLost += 1;
    }
  }

  return {
    write,
    openAt(place) {
      path = place;
      // Log lines have the time of day; this one has the date.
      write(`# ${new Date().toISOString()} coordinator ${version}, process ${process.pid}\n`);
      for (const text of early.splice(0)) write(text);
    },
    close() {
      if (file !== undefined) closeSync(file.descriptor);
      file = undefined;
    },
  };
}

function open(path: string): { descriptor: number; bytes: number } {
  const descriptor = openSync(path, 'a');
  return { descriptor, bytes: fstatSync(descriptor).size };
}

function renew(path: string, descriptor: number): { descriptor: number; bytes: number } {
  renameSync(path, `${path}.1`);
  const renewed = open(path);
  closeSync(descriptor);
  return renewed;
}
