/** Reads a file of lines as it grows. */
import { open } from 'node:fs/promises';
import { systemErrorCode } from '../disk/files.ts';

export interface Tail {
  /**
   * Hands over the whole lines that are new, in order, and resolves with whether the file is still the one that was read before: a resumed
   * run cuts its files. If not, nothing was handed over, and the next call begins at the start.
   */
  read(line: (text: string) => void): Promise<boolean>;
  /** The next call begins at the start. */
  rewind(): void;
}

/** Small, so that whoever shares the event loop is not held up by a long file. */
const chunkBytes = 128 * 1024;
/** A line beyond this is none of ours; it is passed over. */
const maximumLineBytes = 1024 * 1024;

export function createTail(path: string): Tail {
  let end = 0;
  let rest = Buffer.alloc(0);
  let identity: number | undefined;
  const rewind = (): void => void ([end, rest, identity] = [0, Buffer.alloc(0), undefined]);
  return {
    rewind,
    async read(line) {
      const handle = await open(path, 'r').catch((error: unknown) => {
        if (systemErrorCode(error) === 'ENOENT') return undefined;
        throw error;
      });
      if (handle === undefined) return true;
      try {
        const { size, ino } = await handle.stat();
        if (size < end || (identity !== undefined && ino !== identity)) {
          rewind();
          return false;
        }
        identity = ino;
        const chunk = Buffer.alloc(Math.min(chunkBytes, Math.max(1, size - end)));
        for (;;) {
          const { bytesRead } = await handle.read(chunk, 0, chunk.length, end);
          if (bytesRead === 0) return true;
          end += bytesRead;
          rest = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
          const lineEnd = rest.lastIndexOf(0x0a);
          if (lineEnd < 0) {
            if (rest.length > maximumLineBytes) rest = Buffer.alloc(0);
            continue;
          }
          for (const text of rest.toString('utf8', 0, lineEnd).split('\n')) line(text);
          rest = Buffer.from(rest.subarray(lineEnd + 1));
        }
      } finally {
        await handle.close();
      }
    },
  };
}
