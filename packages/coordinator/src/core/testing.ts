/** What tests of the core have in common: a plan of four shards, and the events of its workers. */
import { cover } from '@lockstep/shared';
import { startOfRun } from './cursor.ts';
import type { Effect } from './effects.ts';
import type { Event, TaskKind } from './events.ts';
import type { Plan } from './plan.ts';
import { createState, type Start, type State } from './state.ts';
import { step } from './step.ts';

export const plan: Plan = {
  runId: 'r',
  term: 1,
  phases: [
    { name: 'd', updates: ['discriminator'], repeat: 1, readsData: true },
    { name: 'g', updates: ['generator'], repeat: 1, readsData: false },
  ],
  networks: ['generator', 'discriminator'],
  run: { recipe: { name: 'gan', hash: 'h' }, seed: 1, batchSize: 8, shardCount: 4, execution: 'graph' },
  totalSteps: 2,
  workersWanted: 2,
  minWorkers: 1,
  joinTimeoutMs: 1000,
  workerTimeoutMs: 100,
  checkpointEverySteps: 1,
  checkpointEveryMs: undefined,
  gridEverySteps: 0,
  pictures: 64,
  allowMixedNumerics: false,
  auditRate: 0,
  workerCommand: 'worker --connect tcp://127.0.0.1:5555',
};

export function create(changes: Partial<Plan> = {}, start: Partial<Start> = {}): State {
  const beginning = { cursor: startOfRun, versions: { generator: 0, discriminator: 0 }, gridDue: false };
  return createState({ ...plan, ...changes }, { ...beginning, ...start }, 0);
}

export const hello = (peer: string, name = peer): Event => ({
  type: 'hello',
  peer,
  name,
  host: 'h',
  pid: 1,
  backend: 'wasm',
  device: 'cpu',
  region: undefined,
});
export const fence = (state: State, peer: string, changes = {}) => ({
  runId: 'r',
  term: 1,
  peer,
  round: state.cursor.round,
  ...changes,
});
export const ready = (state: State, peer: string, changes = {}): Event => ({
  type: 'ready',
  peer,
  fence: fence(state, peer),
  manifestKey: 'm',
  fingerprint: 'f',
  carrier: 'inline',
  manifests: 'the manifests',
  ...changes,
});
export const result = (state: State, peer: string, shards: number[], changes = {}, task: TaskKind = 'gradient'): Event => ({
  type: 'result',
  peer,
  fence: fence(state, peer, changes),
  workId: state.workers.get(peer)?.work?.id ?? 0,
  task,
  nodes: task === 'gradient' ? cover(shards, state.plan.run.shardCount) : [],
  outcomes: task === 'gradient' ? shards.map((shard) => ({ shard, loss: 1, metrics: {} })) : [],
  computeSeconds: 1,
  payload: 'the tensors',
});

export function join(state: State, ...peers: string[]): Effect[] {
  return peers.flatMap((peer) => [...step(state, hello(peer), 0), ...step(state, ready(state, peer), 0)]);
}

export const assignedIn = (effects: Effect[]): Record<string, readonly number[]> =>
  Object.fromEntries(effects.flatMap((effect) => (effect.do === 'assign' ? [[effect.to, effect.shards]] : [])));
export const kinds = (effects: Effect[]): string[] => effects.map((effect) => (effect.do === 'record' ? effect.entry.event : effect.do));
