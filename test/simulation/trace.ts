/** What happened in a world: a hash over all of it, and the last of it for people. */
import { createHash } from 'node:crypto';

export interface Trace {
  /** What is a function is asked only if somebody reads it; then `bytes` go into the hash in its place. */
  note(what: string): void;
  note(what: () => string, bytes: Uint8Array): void;
  hash(): string;
  last(): readonly string[];
}

const kept = 60;

interface Entry {
  readonly atMs: number;
  readonly what: string | (() => string);
}

/** `tell` gets every line at once. */
export function createTrace(nowMs: () => number, tell?: (line: string) => void): Trace {
  const hash = createHash('sha256');
  const entries: Entry[] = [];
  return {
    note(what: string | (() => string), bytes?: Uint8Array) {
      const entry = { atMs: nowMs(), what };
      hash.update(`${entry.atMs} `).update(bytes ?? (what as string));
      tell?.(lineOf(entry));
      entries.push(entry);
      if (entries.length > 2 * kept) entries.splice(0, kept);
    },
    hash: () => hash.copy().digest('hex'),
    last: () => entries.slice(-kept).map(lineOf),
  };
}

function lineOf({ atMs, what }: Entry): string {
  return `${(atMs / 1000).toFixed(3).padStart(10)} s  ${typeof what === 'string' ? what : what()}`;
}
