/**
 * Files of lines (JSON Lines): appending without making the caller wait, and reading back what a crash may have left.
 *
 * Responsible for: order, bounds, torn last lines, telling of failures and of gaps. Not responsible for: what a line means.
 */
import { constants, open, truncate } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { LockstepError } from '@lockstep/shared';
import { diskError, onDisk, systemErrorCode } from './files.ts';

/** Bytes of the longest line that is read; lines that are written are far shorter. */
const maximumLineBytes = 1024 * 1024;
/** Bytes that may wait for a disk that does not answer. */
const maximumWaitingBytes = 16 * 1024 * 1024;
/** Of the lines that are dropped then, each so many-th tries the disk again. */
const droppedBetweenTries = 1024;

export interface LineFile {
  /**
   * Adds a line (without its line end), written later and in order. Never throws: a disk that fails is told by `flush`. If it fails for so
   * long that too much waits, lines are dropped until it works again.
   */
  append(line: string): void;
  /** Resolves when every line so far would survive power loss. Throws `disk`; what could not be written is kept and tried again. */
  flush(): Promise<void>;
  /** Writes what is waiting, and closes the file. Throws `disk`. */
  close(): Promise<void>;
}

export interface LineFileOptions {
  /** How much may wait for `flush`; 0 writes at once. */
  readonly bufferBytes: number;
  /** Told, once the disk works again, how many lines are missing before the next one that is appended. */
  readonly dropped: (lines: number) => void;
}

/** Opens a file for appending, created where needed, a torn last line cut. */
export async function openLineFile(path: string, { bufferBytes, dropped }: LineFileOptions): Promise<LineFile> {
  // Written at explicit places, so that a write that failed half-way (a full disk) is repeated over its own beginning.
  let end = await cutTornEnd(path);
  const handle = await onDisk(path, () => open(path, constants.O_RDWR | constants.O_CREAT, 0o666));
  const backlog = createBacklog(dropped);
  let failure: unknown;
  let draining: Promise<void> | undefined;

  async function drain(): Promise<void> {
    try {
      // First leave the caller's turn of the event loop: `draining` must be set before the end of this function clears it.
      await Promise.resolve();
      while (backlog.bytes() > 0) {
        const lines = backlog.take();
        const bytes = Buffer.from(lines.join(''));
        try {
          await writeAt(handle, bytes, end);
        } catch (error) {
          backlog.giveBack(lines);
          throw error;
        }
        end += bytes.length;
        backlog.written(bytes.length);
      }
      failure = undefined;
    } catch (error) {
      failure = diskError(error, path);
    } finally {
      draining = undefined;
    }
  }
  async function settle(): Promise<void> {
    draining ??= drain();
    await draining;
    if (failure !== undefined) throw failure;
  }
  return {
    append(line) {
      if (backlog.add(`${line}\n`) && backlog.bytes() > bufferBytes) draining ??= drain();
    },
    async flush() {
      await settle();
      await onDisk(path, () => handle.datasync());
    },
    async close() {
      try {
        await settle();
      } finally {
        await onDisk(path, () => handle.close());
      }
    },
  };
}

/** Lines on their way to the disk, and how many found no room. */
function createBacklog(dropped: LineFileOptions['dropped']) {
  let waiting: string[] = [];
  let bytes = 0;
  let droppedLines = 0;
  return {
    /** Of the lines that are not on disk. */
    bytes: () => bytes,
    /** Whether it is time to try the disk. */
    add(line: string): boolean {
      if (bytes > maximumWaitingBytes) {
        droppedLines += 1;
        return droppedLines % droppedBetweenTries === 0;
      }
      waiting.push(line);
      bytes += Buffer.byteLength(line);
      return true;
    },
    take(): string[] {
      const lines = waiting;
      waiting = [];
      return lines;
    },
    giveBack(lines: readonly string[]): void {
      waiting = [...lines, ...waiting];
    },
    written(count: number): void {
      bytes -= count;
      const lines = droppedLines;
      droppedLines = 0;
      if (lines > 0) dropped(lines);
    },
  };
}

export interface Line {
  readonly text: string;
  /** Byte after the line and its line end. */
  readonly end: number;
  /** False for a last line without line end: a write that a crash cut short. */
  readonly isWhole: boolean;
}

/** The lines of a file, one at a time, whatever its size. None if there is no file. */
export async function* linesOf(path: string): AsyncGenerator<Line> {
  const handle = await openIfThere(path);
  if (handle === undefined) return;
  try {
    const chunk = Buffer.alloc(64 * 1024);
    let rest = Buffer.alloc(0);
    let start = 0;
    for (;;) {
      const { bytesRead } = await onDisk(path, () => handle.read(chunk, 0, chunk.length));
      if (bytesRead === 0) break;
      rest = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
        start += end + 1;
        yield { text: rest.toString('utf8', 0, end), end: start, isWhole: true };
        rest = rest.subarray(end + 1);
      }
      if (rest.length > maximumLineBytes) throw tooLong(path, start);
    }
    if (rest.length > 0) yield { text: rest.toString('utf8'), end: start + rest.length, isWhole: false };
  } finally {
    await handle.close();
  }
}

/** The object that a line holds, or undefined for anything else. */
export function parseLine({ text, isWhole }: Line): Readonly<Record<string, unknown>> | undefined {
  if (!isWhole) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps only the first `bytes` bytes. They are on disk when it resolves. */
export async function cutFile(path: string, bytes: number): Promise<void> {
  await onDisk(path, async () => {
    await truncate(path, bytes);
    const handle = await open(path, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** Resolves with the file's length after that. */
async function cutTornEnd(path: string): Promise<number> {
  let end = 0;
  for await (const line of linesOf(path)) {
    if (line.isWhole) end = line.end;
    else await cutFile(path, end);
  }
  return end;
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, start: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, start + done);
    done += bytesWritten;
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw diskError(error, path);
  }
}

function tooLong(path: string, start: number): LockstepError {
  return new LockstepError(
    'resume-invalid',
    `${path} is damaged: the line at byte ${start} has no end. Restore a good copy, or choose another --run-dir.`,
  );
}
