/**
 * What workers are called in metrics: a bounded number of labels that stay the same over a worker's lives.
 *
 * A name that a person or the coordinator gave is its label. A name that the worker made from its host, its process and a few digits is new in every life: such a worker gets a
 * slot, the first that is free. Labels outlive their worker by a grace, so that a worker that comes back goes on in its own series, and
 * end after it. Pure: time is passed in.
 */

export interface WorkerLabels {
  /** The label of a worker that joins; `overflow` if there is no room. */
  join(worker: { readonly name: string; readonly host: string }): string;
  /** Of a worker that has joined; `overflow` for any other. */
  of(name: string): string;
  leave(name: string, nowMs: number): void;
  /** Labels whose grace is over: forgotten. */
  expire(nowMs: number): string[];
}

/** The label that serves all for which there is no room. */
export const overflow = 'other';
export const maximumLabels = 256;
/** As long as a worker under a supervisor may take to be back. */
export const labelGraceMs = 60_000;

interface Entry {
  readonly name: string;
  readonly isSlot: boolean;
  leftMs: number | undefined;
}

export function createWorkerLabels(): WorkerLabels {
  const entries = new Map<string, Entry>();
  const labels = new Map<string, string>();

  const take = (label: string, name: string, isSlot: boolean): string => {
    const before = entries.get(label);
    if (before === undefined && entries.size >= maximumLabels) return overflow;
    if (before !== undefined) labels.delete(before.name);
    entries.set(label, { name, isSlot, leftMs: undefined });
    labels.set(name, label);
    return label;
  };
  const isFree = (slot: string): boolean => {
    const entry = entries.get(slot);
    return entry === undefined || (entry.isSlot && entry.leftMs !== undefined);
  };
  const freeSlot = (): string => {
    let slot = 0;
    while (!isFree(`slot-${slot}`)) slot += 1;
    return `slot-${slot}`;
  };

  return {
    join({ name, host }) {
      const label = labels.get(name);
      if (label !== undefined) {
        entries.get(label)!.leftMs = undefined;
        return label;
      }
      const isSlot = name.startsWith(`${host}-`) && /-[0-9a-f]{6}$/.test(name);
      return take(isSlot ? freeSlot() : name, name, isSlot);
    },
    of: (name) => labels.get(name) ?? overflow,
    leave(name, nowMs) {
      const entry = entries.get(labels.get(name) ?? '');
      if (entry !== undefined) entry.leftMs = nowMs;
    },
    expire(nowMs) {
      const expired = [...entries].filter(([, { leftMs }]) => leftMs !== undefined && nowMs - leftMs >= labelGraceMs);
      for (const [label, { name }] of expired) {
        entries.delete(label);
        labels.delete(name);
      }
      return expired.map(([label]) => label);
    },
  };
}
