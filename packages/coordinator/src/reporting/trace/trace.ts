/**
 * The timeline of a run, for `--trace`: what the coordinator and every worker did when, on one clock. Made from the core's events and effects
 * and from the times that workers put into their answers. docs/timeline.md explains the lanes.
 *
 * Not responsible for: what belongs to a round (`round-lane.ts`) or a worker (`worker-lanes.ts`), or the format (`trace-file.ts`).
 */
import { join } from 'node:path';
import type { Clock, Log, PeerId } from '@lockstep/shared';
import type { Effect } from '../../core/effects.ts';
import type { Event } from '../../core/events.ts';
import type { Plan } from '../../core/plan.ts';
import { createRoundLane, steps } from './round-lane.ts';
import { createTraceFile, type Lane, type TraceFile } from './trace-file.ts';
import { createWorkerLanes } from './worker-lanes.ts';

export interface Trace {
  /** Before the core sees it. */
  event(event: Event, atMs: number): void;
  /** Just before a message leaves: by the time that `effect` tells of it, its receiver may have read it. */
  sending(atMs: number): void;
  /** After it was carried out. */
  effect(effect: Effect, startMs: number, endMs: number): void;
  /** Resolves when what the disk takes is written. */
  close(): Promise<void>;
}

export interface TraceOptions {
  readonly plan: Plan;
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** More than viewers open with ease helps nobody: these are about ten thousand steps with four workers. */
  readonly maximumBytes?: number;
}

const loop: Lane = { process: 1, thread: 2 };

export function createTrace({ plan, directory, clock, log, maximumBytes = 128 * 1024 * 1024 }: TraceOptions): Trace {
  const name = plan.term === 1 ? 'trace.json' : `trace.term-${plan.term}.json`;
  const file = createTraceFile(join(directory, name), { clock, log, maximumBytes });
  file.group(1, 'coordinator', ['steps', 'loop']);
  const workers = createWorkerLanes(file, plan);
  const rounds = createRoundLane(file, plan);
  return {
    event(event, atMs) {
      const late = workers.event(event, atMs);
      if (late !== undefined) rounds.answered(late, atMs);
    },
    sending: workers.sending,
    effect(effect, startMs, endMs) {
      traceLoop(file, effect, startMs, endMs, workers.nameOf);
      workers.effect(effect, startMs);
      rounds.effect(effect, startMs, endMs);
    },
    close: file.close,
  };
}

/** What keeps the coordinator's only thread busy. */
function traceLoop(file: TraceFile, effect: Effect, startMs: number, endMs: number, nameOf: (peer: PeerId) => string): void {
  switch (effect.do) {
    case 'assign': {
      const { to, workId, shards, sends } = effect;
      return file.span(loop, 'assign', startMs, endMs, { worker: nameOf(to), workId, shards, sends });
    }
    case 'accept':
      return file.span(loop, 'reduce', startMs, endMs, { shards: effect.outcomes.map(({ shard }) => shard) });
    case 'commit':
      return file.span(loop, 'apply', startMs, endMs, { round: effect.cursor.round });
    case 'checkpoint':
      return file.span(loop, 'checkpoint snapshot', startMs, endMs, { step: effect.cursor.step });
    case 'save-grid':
      return file.span(loop, 'draw grid', startMs, endMs, { step: effect.step });
    case 'record':
      return file.instant(steps, effect.entry.event, startMs, effect.entry);
    default:
  }
}
