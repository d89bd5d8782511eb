/**
 * Both cores against each other under a seeded network that delays, reorders between workers, loses connections, kills and adds workers.
 * Whatever happens: rounds commit once and in order, each sums every shard exactly once, and the run ends (invariants I1, I2, I7).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cover, sequence, shardsUnder } from '@lockstep/shared';
import fc from 'fast-check';
import { startOfRun } from '../../packages/coordinator/src/core/cursor.ts';
import type { Effect } from '../../packages/coordinator/src/core/effects.ts';
import type { Event } from '../../packages/coordinator/src/core/events.ts';
import type { Plan } from '../../packages/coordinator/src/core/plan.ts';
import { createState } from '../../packages/coordinator/src/core/state.ts';
import { step } from '../../packages/coordinator/src/core/step.ts';
import type { Effect as WorkerEffect, Event as WorkerEvent } from '../../packages/worker/src/core/events.ts';
import { createState as createWorkerState, type State as WorkerState } from '../../packages/worker/src/core/state.ts';
import { step as stepWorker } from '../../packages/worker/src/core/step.ts';

interface World {
  readonly seed: number;
  readonly shardCount: number;
  readonly workers: number;
  readonly steps: number;
  /** Percent of scheduling decisions that are faults. */
  readonly faults: number;
}

interface SimulatedWorker {
  readonly peer: string;
  readonly state: WorkerState;
  /** In order, as one connection delivers. */
  inbox: WorkerEvent[];
  outbox: Event[];
  connected: boolean;
  pending: WorkerEvent[];
}

function simulate(world: World): { rounds: number[]; decisions: number } {
  const next = sequence(world.seed, 1, 0, 0);
  const below = (bound: number): number => next() % bound;
  const plan: Plan = {
    runId: 'r',
    term: 1,
    phases: [
      { name: 'd', updates: 'd', repeat: 2, readsReal: true },
      { name: 'g', updates: 'g', repeat: 1, readsReal: false },
    ],
    networks: ['g', 'd'],
    run: { recipe: { name: 'x', hash: 'x' }, seed: 1, batchSize: 16, shardCount: world.shardCount, execution: 'graph' },
    totalSteps: world.steps,
    workersWanted: world.workers,
    minWorkers: 1,
    joinTimeoutMs: 1e9,
    workerTimeoutMs: 1e9,
    checkpointEverySteps: 2,
    gridEverySteps: 2,
    pictures: 4,
    allowMixedNumerics: false,
    workerCommand: 'worker',
  };
  const state = createState(plan, { cursor: startOfRun, versions: { g: 0, d: 0 }, gridDue: false }, 0);
  const workers = new Map<string, SimulatedWorker>();
  const rounds: number[] = [];
  let summed: number[] = [];
  let ended = false;
  let born = 0;
  const versionsOf = (round: number): Record<string, number> => ({
    d: Math.floor(round / 3) * 2 + Math.min(2, round % 3),
    g: Math.floor(round / 3),
  });

  const tell = (event: Event): void => perform(step(state, event, 0));
  const perform = (effects: Effect[]): void => {
    for (const effect of effects) {
      switch (effect.do) {
        case 'begin':
          summed = [];
          break;
        case 'accept':
          summed.push(...effect.nodes.flatMap((node) => shardsUnder(node, world.shardCount)));
          break;
        case 'commit': {
          assert.deepEqual(
            summed.toSorted((a, b) => a - b),
            Array.from({ length: world.shardCount }, (_, shard) => shard),
            'every shard exactly once',
          );
          assert.deepEqual(state.versions, versionsOf(effect.cursor.round));
          rounds.push(effect.cursor.round);
          tell({ type: 'committed' });
          break;
        }
        case 'finish':
          assert.equal(effect.outcome, 'completed');
          ended = true;
          break;
        case 'welcome':
        case 'assign':
        case 'bye':
        case 'refuse':
          send(effect.to, toEvent(effect));
          break;
        default:
          break;
      }
    }
  };
  const toEvent = (effect: Extract<Effect, { to: string }>): WorkerEvent => {
    const fence = { runId: 'r', term: 1, peer: effect.to, round: effect.do === 'assign' ? effect.cursor.round : effect.round };
    switch (effect.do) {
      case 'welcome':
        return {
          type: 'welcome',
          fence,
          run: plan.run,
          region: undefined,
        };
      case 'assign':
        return {
          type: 'work',
          fence,
          order: {
            workId: effect.workId,
            task: effect.task,
            phase: effect.cursor.phase,
            shards: effect.shards,
            pictures: 4,
            versions: effect.versions,
            sends: effect.sends,
            payload: undefined,
          },
        };
      case 'bye':
        return { type: 'bye', ended: effect.ended, reason: effect.reason };
      case 'refuse':
        throw new Error(`No worker may be refused here: ${effect.reason}`);
    }
  };
  const send = (peer: string, event: WorkerEvent): void => {
    workers.get(peer)?.inbox.push(event);
  };
  const performWorker = (worker: SimulatedWorker, effects: WorkerEffect[]): void => {
    for (const effect of effects) {
      switch (effect.do) {
        case 'hello':
          worker.outbox.push({
            type: 'hello',
            peer: worker.peer,
            name: worker.peer,
            host: 'h',
            pid: 1,
            backend: 'b',
            device: 'd',
            region: undefined,
          });
          break;
        case 'prepare':
          worker.pending.push({ type: 'prepared', run: effect.run, built: undefined });
          break;
        case 'ready':
          worker.outbox.push({
            type: 'ready',
            peer: worker.peer,
            fence: effect.fence,
            manifestKey: 'm',
            fingerprint: 'f',
            carrier: 'inline',
            manifests: undefined,
          });
          break;
        case 'compute': {
          assert.deepEqual(effect.order.versions, versionsOf(effect.fence.round), 'weights of the round');
          orders.set(effect.order.workId, effect.order);
          worker.pending.push({ type: 'computed', fence: effect.fence, workId: effect.order.workId, answer: undefined });
          break;
        }
        case 'result': {
          const order = orders.get(effect.workId)!;
          const gradient = order.task === 'gradient';
          worker.outbox.push({
            type: 'result',
            peer: worker.peer,
            fence: effect.fence,
            workId: effect.workId,
            task: order.task,
            nodes: gradient ? cover(order.shards, world.shardCount) : [],
            outcomes: gradient ? order.shards.map((shard) => ({ shard, loss: 1, metrics: {} })) : [],
            computeSeconds: 0,
            payload: undefined,
          });
          break;
        }
        case 'need':
          worker.outbox.push({ type: 'need', peer: worker.peer, fence: effect.fence, workId: effect.workId, networks: effect.networks });
          break;
        default:
          break;
      }
    }
  };
  const orders = new Map<number, Extract<WorkerEffect, { do: 'compute' }>['order']>();
  const giveWorker = (worker: SimulatedWorker, event: WorkerEvent): void => performWorker(worker, stepWorker(worker.state, event, 0));
  const start = (): void => {
    born += 1;
    const peer = `w${born}`;
    const worker: SimulatedWorker = {
      peer,
      state: createWorkerState({ reconnectTimeoutMs: 1e9, endpoint: 'x' }, 0),
      inbox: [],
      outbox: [],
      connected: true,
      pending: [],
    };
    workers.set(peer, worker);
    giveWorker(worker, { type: 'up' });
  };
  const cut = (worker: SimulatedWorker): void => {
    worker.inbox = [];
    worker.outbox = [];
    tell({ type: 'down', peer: worker.peer });
  };
  const fault = (worker: SimulatedWorker): void => {
    switch (below(4)) {
      case 0:
        workers.delete(worker.peer);
        cut(worker);
        start();
        break; // killed; another takes its place
      case 1:
        cut(worker);
        giveWorker(worker, { type: 'down' });
        giveWorker(worker, { type: 'up' });
        break; // the connection broke
      case 2:
        if (workers.size < 9) start();
        break;
      case 3: {
        const last = worker.outbox.at(-1);
        if (last?.type === 'result') worker.outbox.push(last);
      } // a duplicate
    }
  };

  for (let count = 0; count < world.workers; count += 1) start();
  const limit = 20_000;
  for (let decision = 0; decision < limit; decision += 1) {
    if (ended) return { rounds, decisions: decision };
    const alive = [...workers.values()];
    const worker = alive[below(alive.length)]!;
    if (below(100) < world.faults) {
      fault(worker);
      continue;
    }
    const [queue] = [worker.outbox, worker.inbox, worker.pending]
      .filter((candidate) => candidate.length > 0)
      .toSorted(() => (below(2) === 0 ? 1 : -1));
    if (queue === worker.outbox) tell(worker.outbox.shift()!);
    else if (queue === worker.inbox) giveWorker(worker, worker.inbox.shift()!);
    else if (queue === worker.pending) giveWorker(worker, worker.pending.shift()!);
  }
  throw new Error(`The run did not end within ${limit} decisions: ${JSON.stringify(state.cursor)}`);
}

const worlds = fc.record({
  seed: fc.nat(),
  shardCount: fc.integer({ min: 1, max: 9 }),
  workers: fc.integer({ min: 1, max: 6 }),
  steps: fc.integer({ min: 1, max: 6 }),
  faults: fc.integer({ min: 0, max: 20 }),
});

test('every world ends with the same rounds, each committed once and in order', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const { rounds } = simulate(world);
      assert.deepEqual(
        rounds,
        Array.from({ length: world.steps * 3 }, (_, round) => round),
      );
    }),
    { numRuns: 300 },
  );
});

test('a world replays exactly from its seed', () => {
  const world = { seed: 7, shardCount: 5, workers: 3, steps: 5, faults: 10 };
  assert.deepEqual(simulate(world), simulate(world));
});
