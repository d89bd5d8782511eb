/**
 * A run that another process trains now, known from its directory: its coordinator, the workers that it started on this host, and what has
 * happened. Nothing is changed there.
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { parse } from '../live/event-text.ts';
import { createTail } from '../live/tail.ts';
import { identityOf, type ProcessIdentity, startOf } from './process-identity.ts';

export interface Victim extends ProcessIdentity {
  readonly name: string;
}

/** Totals of the run, as far as its files tell. */
export interface Happened {
  readonly steps: number;
  /** Steps that were done, and have to be done again after a resume. */
  readonly repeated: number;
  readonly joined: number;
  readonly left: number;
  /** Shards of workers that were lost, which others computed. */
  readonly reassigned: number;
}

export interface LiveRun {
  /** Takes in what is new. */
  refresh(): Promise<void>;
  happened(): Happened;
  /** The process that trains the run; undefined if none does. */
  coordinator(): Promise<ProcessIdentity | undefined>;
  /** Workers that take part, on this host, started by the coordinator. */
  victims(): Promise<Victim[]>;
}

interface Written {
  readonly pid: number;
  readonly timeMs: number;
}

/** Clocks are read at different moments. */
const toleranceMs = 1000;

export function openLiveRun(path: string): LiveRun {
  const losses = createTail(join(path, 'losses.jsonl'));
  const events = createTail(join(path, 'events.jsonl'));
  const workers = new Map<string, Written>();
  const happened = { steps: 0, repeated: 0, joined: 0, left: 0, reassigned: 0 };
  let head: Written | undefined;

  const takeEvent = (text: string): void => {
    const line = parse(text) ?? {};
    const [pid, timeMs] = [Number(line['pid']), Date.parse(String(line['time']))];
    const name = String(line['worker']);
    if (line['event'] === 'coordinator-started') {
      head = { pid, timeMs };
      workers.clear();
    } else if (line['event'] === 'coordinator-ended') head = undefined;
    else if (line['event'] === 'worker-joined') {
      happened.joined += 1;
      if (line['host'] === hostname()) workers.set(name, { pid, timeMs });
    } else if (line['event'] === 'worker-left') {
      happened.left += 1;
      workers.delete(name);
    } else if (line['event'] === 'shards-reassigned' && Array.isArray(line['shards'])) happened.reassigned += line['shards'].length;
  };
  let last = 0;
  const takeLoss = (text: string): void => void (last = Number(parse(text)?.['step']));
  /** Whoever has this number now, if it was running when that was written. */
  const identify = async ({ pid, timeMs }: Written): Promise<ProcessIdentity | undefined> => {
    const identity = await identityOf(pid);
    return identity !== undefined && (await startOf(identity)) <= timeMs + toleranceMs ? identity : undefined;
  };
  const coordinator = async (): Promise<ProcessIdentity | undefined> => (head === undefined ? undefined : await identify(head));

  return {
    async refresh() {
      await events.read(takeEvent);
      if (!(await losses.read(takeLoss))) {
        // Cut by a resumed run, to the step of its checkpoint.
        await losses.read(takeLoss);
        happened.repeated += Math.max(0, happened.steps - last);
      }
      happened.steps = Math.max(happened.steps, last);
    },
    happened: () => ({ ...happened }),
    coordinator,
    async victims() {
      const parent = await coordinator();
      if (parent === undefined) return [];
      const found = await Promise.all([...workers].map(async ([name, written]) => ({ name, identity: await identify(written) })));
      return found.flatMap(({ name, identity }) => (identity?.parent === parent.pid ? [{ ...identity, name }] : []));
    },
  };
}
