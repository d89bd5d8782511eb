/**
 * A file that a run writes for people and can do without: bytes are appended in the background, in order, and what a disk does not take is
 * lost. It never throws and never makes the caller wait; the first loss is told.
 *
 * Not responsible for: files that a resume needs (`line-file.ts`), or whole files (`files.ts`).
 */
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Timer } from '@lockstep/shared';

export interface ExpendableFile {
  append(bytes: Uint8Array): void;
  /** Writes what waits, and frees the file. Safe to repeat. */
  close(): Promise<void>;
}

export interface ExpendableFileOptions {
  readonly clock: Clock;
  /** What the file begins with, as soon as anything is written. */
  readonly beginning: () => Uint8Array;
  /** Told once, of the first bytes that are lost. */
  readonly lost: (reason: string) => void;
  /** Bytes that may wait for a slow disk. */
  readonly maximumWaitingBytes?: number;
}

/** How long bytes wait for others to be written with. */
const lingerMs = 1000;
/** Unless there are as many as this. */
const batchBytes = 256 * 1024;

/** Replaces a file that is there. Nothing is created before the first bytes are written. */
export function createExpendableFile(path: string, options: ExpendableFileOptions): ExpendableFile {
  const { clock, beginning, lost, maximumWaitingBytes = 8 * 1024 * 1024 } = options;
  let handle: FileHandle | undefined;
  /** What was written whole: a write that failed half-way leaves nothing. */
  let end = 0;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let timer: Timer | undefined;
  let writing: Promise<void> | undefined;
  let hasLost = false;
  let isClosed = false;

  function lose(reason: string): void {
    if (!hasLost) lost(reason);
    hasLost = true;
  }
  async function writeWaiting(): Promise<void> {
    while (waiting.length > 0) {
      const bytes = Buffer.concat(end === 0 ? [beginning(), ...waiting] : waiting);
      waiting = [];
      waitingBytes = 0;
      try {
        handle ??= await create(path);
        await writeAt(handle, bytes, end);
        end += bytes.length;
      } catch (error) {
        lose((error as Error).message);
        // What got there of it is no whole record.
        await handle?.truncate(end).catch(() => {});
      }
    }
  }
  function flush(): Promise<void> {
    timer?.cancel();
    timer = undefined;
    writing ??= writeWaiting().finally(() => (writing = undefined));
    return writing;
  }
  return {
    append(bytes) {
      if (isClosed) return;
      if (waitingBytes + bytes.length > maximumWaitingBytes) return lose('the disk is too slow');
      waiting.push(bytes);
      waitingBytes += bytes.length;
      if (waitingBytes >= batchBytes) void flush();
      else timer ??= clock.after(lingerMs, () => void flush());
    },
    async close() {
      isClosed = true;
      // A write that is under way may have taken its bytes already.
      await writing;
      await flush();
      const opened = handle;
      handle = undefined;
      await opened?.close().catch((error: Error) => lose(error.message));
    },
  };
}

async function create(path: string): Promise<FileHandle> {
  await mkdir(dirname(path), { recursive: true });
  return open(path, 'w');
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, start: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, start + done);
    done += bytesWritten;
  }
}
