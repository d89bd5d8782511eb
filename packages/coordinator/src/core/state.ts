/** The whole state of the coordinator's core: one record, workers keyed by peer, so that removing one is a single delete. */
import type { Failure, PeerId } from '@lockstep/shared';
import type { Audit } from './audit.ts';
import type { Cursor } from './cursor.ts';
import type { Payload, TaskKind } from './events.ts';
import type { Pace, WorkerPace } from './pace.ts';
import type { Plan } from './plan.ts';

/** An order that one worker owes an answer to. */
export interface Work {
  readonly id: number;
  /** For `pace.ts`. */
  readonly kind: number;
  /** Shards it was for. */
  readonly size: number;
  readonly sinceMs: number;
}

/** How reliably a worker has answered of late. */
export interface Reliability {
  /** Answers in time since it was late last, or, below zero, times it was late since it answered in time. */
  streak: number;
  quarantines: number;
  quarantinedUntilMs: number;
}

export interface Worker {
  /** The peer, which is also the transport's identity. */
  readonly peer: PeerId;
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  readonly backend: string;
  readonly device: string;
  /** Where it serves metrics of its own, if it does. */
  readonly metricsAddress: string | undefined;
  /** The lowest number that no other worker had when it came: names memory that is only one worker's at a time. */
  readonly seat: number;
  /** `preparing`: WELCOME sent. `idle`: may get WORK. `working`: has WORK to answer. */
  stage: 'preparing' | 'idle' | 'working';
  /** When `preparing` or `working` has lasted too long. */
  deadlineMs: number;
  /** Weight versions it was sent in this connection. */
  readonly holds: Record<string, number>;
  /** While `working`. */
  work: Work | undefined;
  /** Shards of the task under way that it owes. None while it computes what somebody else has computed first. */
  shards: readonly number[];
  readonly pace: WorkerPace;
  readonly reliability: Reliability;
  /** Times it asked for weights since its last result: bounded, or two confused peers would go on for ever. */
  needRequests: number;
  shardsCommitted: number;
}

/** What is being assigned: the shards of a round, or the pictures of a grid (one shard). */
export interface Task {
  readonly kind: TaskKind;
  readonly shards: ShardState[];
  /** Those of its WORKs whose answers are being checked. */
  readonly audits: Audit[];
  /** Of the largest WORK so far. */
  largest: number;
  /** After how long an answer is late; undefined while that is not known. */
  lateAfterMs: number | undefined;
  /** The pictures of a grid, once they have arrived. */
  pictures: Payload;
}

/** `assigned`: one worker or more owe it. `answered`: nobody does, but its answer has yet to be checked. */
export type ShardState = 'waiting' | 'assigned' | 'answered' | 'done';

/**
 * `gathering` -> `training` <-> `starved` -> `ended`.
 * `gathering`: waiting for the first `workersWanted`. `starved`: fewer than `minWorkers`. Nothing is assigned in either.
 */
export const stages = ['gathering', 'training', 'starved', 'ended'] as const;
export type Stage = (typeof stages)[number];

export interface State {
  readonly plan: Plan;
  stage: Stage;
  /** When waiting for workers ends; meaningful in `gathering` and `starved`. */
  joinDeadlineMs: number;
  /** The run goes on from a checkpoint. */
  readonly isResumed: boolean;
  /** When a resumed run, in `gathering`, goes on with those that are there; undefined while they are too few. */
  regatherDeadlineMs: number | undefined;
  cursor: Cursor;
  /** Commits of each network. */
  readonly versions: Record<string, number>;
  /** In order of joining. */
  readonly workers: Map<PeerId, Worker>;
  task: Task | undefined;
  nextWorkId: number;
  readonly pace: Pace;
  /** The round that is computed once more because it was not finite. */
  repeatedRound: number | undefined;
  /** Left out because they were not finite the second time either, in the whole run. */
  skippedRounds: number;
  /** Names of workers that an audit has found wrong. */
  readonly wrong: Set<string>;
  /** Of the checkpoint that this coordinator began at. */
  readonly startStep: number;
  /** Of the newest checkpoint, and, by name, of the newest one when a worker first joined. */
  checkpointStep: number;
  readonly joinedAfterStep: Map<string, number>;
  /** A grid is due before the next round. */
  gridDue: boolean;
  /** A checkpoint is due at the end of a step. */
  checkpointDue: boolean;
  /** One is being written: the next is taken when it is done, so that there are never copies of the model for two. */
  checkpointUnderway: boolean;
  /** When the last one was taken, or this coordinator began. */
  checkpointedMs: number;
  /** Of the first worker, or of the checkpoint. */
  manifestKey: string | undefined;
  fingerprint: string | undefined;
  /** Refusals that were recorded. */
  refusals: number;
  /** The error of the last worker that failed; forgotten when one joins. If no worker follows, the run ends with it. */
  failure: Failure | undefined;
  /** Why no local worker will be started again. Cleared when another worker says HELLO. */
  spawnGaveUp: Failure | undefined;
}

export interface Start {
  readonly cursor: Cursor;
  readonly versions: Readonly<Record<string, number>>;
  readonly gridDue: boolean;
  readonly manifestKey?: string;
  readonly fingerprint?: string;
  readonly skippedRounds?: number;
}

export function createState(plan: Plan, start: Start, nowMs: number): State {
  return {
    plan,
    stage: 'gathering',
    joinDeadlineMs: nowMs + plan.joinTimeoutMs,
    isResumed: start.fingerprint !== undefined,
    regatherDeadlineMs: undefined,
    cursor: start.cursor,
    versions: { ...start.versions },
    workers: new Map(),
    task: undefined,
    nextWorkId: 1,
    pace: new Map(),
    repeatedRound: undefined,
    skippedRounds: start.skippedRounds ?? 0,
    wrong: new Set(),
    startStep: start.cursor.step,
    checkpointStep: start.cursor.step,
    joinedAfterStep: new Map(),
    gridDue: start.gridDue,
    checkpointDue: false,
    checkpointUnderway: false,
    checkpointedMs: nowMs,
    manifestKey: start.manifestKey,
    fingerprint: start.fingerprint,
    refusals: 0,
    failure: undefined,
    spawnGaveUp: undefined,
  };
}

/** Workers that can be given work, in order of joining. */
export function readyWorkers(state: State): Worker[] {
  return [...state.workers.values()].filter((worker) => worker.stage !== 'preparing');
}

/** Where the workers that have said HELLO are. `spare`: ready, and there is no shard for it. */
export const workerStates = ['joining', 'ready', 'computing', 'spare'] as const;
export type WorkerState = (typeof workerStates)[number];

/** By peer, in order of joining. */
export function statesOfWorkers(state: State): Map<PeerId, WorkerState> {
  let ready = 0;
  const stateOf = ({ stage }: Worker): WorkerState => {
    if (stage === 'preparing') return 'joining';
    ready += 1;
    if (stage === 'working') return 'computing';
    return ready > state.plan.run.shardCount ? 'spare' : 'ready';
  };
  return new Map([...state.workers.values()].map((worker) => [worker.peer, stateOf(worker)]));
}

/** How many workers are in each state. The numbers add up to the workers connected. */
export function countWorkers(state: State): Record<WorkerState, number> {
  const counts = { joining: 0, ready: 0, computing: 0, spare: 0 };
  for (const each of statesOfWorkers(state).values()) counts[each] += 1;
  return counts;
}
