/** Reads a file of lines as it grows. */
import { open, stat } from 'node:fs/promises';
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
  const take = (bytes: Buffer, line: (text: string) => void): void => {
    end += bytes.length;
    rest = Buffer.concat([rest, bytes]);
    const lineEnd = rest.lastIndexOf(0x0a);
    if (lineEnd < 0) {
      if (rest.length > maximumLineBytes) rest = Buffer.alloc(0);
      return;
    }
    for (const text of rest.toString('utf8', 0, lineEnd).split('\n')) line(text);
    rest = Buffer.from(rest.subarray(lineEnd + 1));
  };
  return {
    rewind,
    async read(line) {
      // Most files have not changed, and to open one costs several times as much as to ask for its size.
      const before = await unlessMissing(stat(path));
      if (before === undefined || (before.size === end && before.ino === identity)) return true;
      const handle = await unlessMissing(open(path, 'r'));
      if (handle === undefined) return true;
      try {
        const { size, ino } = await handle.stat();
        if (size < end || (identity !== undefined && ino !== identity)) {
          rewind();
          return false;
        }
        identity = ino;
        const chunk = Buffer.alloc(Math.min(chunkBytes, size - end));
        for (;;) {
          if (end >= size) return true;
          const { bytesRead } = await handle.read(chunk, 0, chunk.length, end);
          if (bytesRead === 0) return true;
          take(chunk.subarray(0, bytesRead), line);
        }
      } finally {
        await handle.close();
      }
    },
  };
}

async function unlessMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  return asked.catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
}
