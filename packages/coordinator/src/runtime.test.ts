/** The order of a runtime's effects, as `core/effects.ts` promises it: one worker, played by frames, and a recorder that takes notes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  atOnce,
  cut,
  decode,
  encode,
  inlineCarrier,
  LockstepError,
  type Manifests,
  partLength,
  ready,
  type Recipe,
  type ServerEvents,
  systemClock,
  toWorker,
  type Work,
} from '@lockstep/shared';
import type { Plan } from './core/plan.ts';
import { startOfRun } from './core/cursor.ts';
import type { Batches } from './data/batches.ts';
import type { Recorder } from './reporting/recorder.ts';
import { type Ending, startRuntime } from './runtime.ts';
import { createModel, type SavedNetwork } from './training/model.ts';
import { createCarriers } from './wire/carriers.ts';

const length = 4;
const initializer = { kind: 'constant', value: 1 } as const;
const recipe = {
  name: 'r',
  real: { shape: [2, 2], range: [0, 1] },
  networks: { only: () => undefined },
  optimizers: { only: { kind: 'sgd', learningRate: 1 } },
  phases: [{ name: 'p', updates: 'only', inputs: ['real'] }],
} as unknown as Recipe;
const plan: Plan = {
  runId: 'r',
  term: 1,
  run: { recipe: { name: 'r', hash: 'a'.repeat(64) }, seed: 1, batchSize: 1, shardCount: 1, execution: 'graph' },
  phases: [{ name: 'p', updates: ['only'], repeat: 1, readsData: true }],
  networks: ['only'],
  totalSteps: 3,
  workersWanted: 1,
  minWorkers: 1,
  joinTimeoutMs: 60_000,
  workerTimeoutMs: 60_000,
  checkpointEverySteps: 1,
  checkpointEveryMs: undefined,
  gridEverySteps: 0,
  pictures: 1,
  allowMixedNumerics: false,
  auditRate: 0,
  workerCommand: undefined,
};

/**
 * A run with one worker, played by frames, up to its end. `recorder` hears of each effect by the name of its method, `answered` when an answer
 * has been handed over. `size`: of the network.
 */
async function played(
  recorder: (name: keyof Recorder, ...args: unknown[]) => void,
  sent: (type: string) => void,
  until: Batches['until'] = () => undefined,
  { size = length, answered = () => {} }: { readonly size?: number; readonly answered?: (stop: (reason: string) => void) => void } = {},
): Promise<Ending> {
  let serve!: ServerEvents;
  const send = (header: Record<string, unknown>, flats: Float32Array[] = []): void => {
    const { payload, frames } = atOnce(
      inlineCarrier.pack(flats.map((flat) => ({ key: '', version: 0, live: flat, snapshot: () => ready(flat) }))),
    );
    const fence = { runId: 'r', term: 1, peer: 'w', round: 0 };
    serve.message('w', cut(encode({ ...fence, payload, ...header } as unknown as Parameters<typeof encode>[0], frames)));
  };
  const answer = ({ round, workId, task, shards }: Work): void => {
    const gradient = task === 'gradient';
    const outcomes = gradient ? shards.map((shard) => ({ shard, loss: 1, metrics: {} })) : [];
    const nodes = gradient ? [{ level: 0, index: 0 }] : [];
    send({ type: 'result', round, workId, task, nodes, outcomes, computeSeconds: 0 }, [new Float32Array(gradient ? size : length).fill(1)]);
    answered(runtime.stop);
  };
  const told = (name: keyof Recorder, ...args: unknown[]): void => {
    recorder(name, ...args);
    // Written before anything else happens.
    if (name === 'checkpoint') queueMicrotask(() => runtime.checkpointSettled());
  };
  const runtime = startRuntime({
    plan,
    start: { cursor: startOfRun, versions: { only: 0 }, gridDue: false },
    recipe,
    batches: { bytes: 4, at: () => ({ copy: (_, memory) => memory }), until },
    transport: {
      endpoint: 'memory',
      serve: (events) => (serve = events),
      send: (_, frames) => {
        const decoded = decode(toWorker, cut(frames));
        assert.ok(decoded.ok);
        sent(decoded.message.type);
        if (decoded.message.type === 'work') queueMicrotask(() => answer(decoded.message as Work));
      },
      close: async () => sent('closed'),
    },
    carriers: createCarriers('inline'),
    restored: undefined,
    createModel: (found) => createModel(recipe, found, 1, undefined),
    recorder: new Proxy({} as Recorder, { get: (_, name: keyof Recorder) => told.bind(undefined, name) }),
    clock: systemClock,
  });
  send({ type: 'hello', name: 'w', host: 'h', pid: 1, backend: 'b', device: 'd' });
  const parameters = [{ name: 'only/kernel', shape: [size], offset: 0, initializer }];
  const manifests: Manifests = { only: { parameters, length: size, topology: {} } };
  send({ type: 'ready', manifests, fingerprint: 'c'.repeat(64), carrier: 'inline' });
  return runtime.ended;
}

test('a round is committed, its step recorded and its weights copied before anything of the next round is sent; the end comes last', async () => {
  const notes: string[] = [];
  const copies: { step: number; networks: readonly SavedNetwork[] }[] = [];
  const recorder = (name: keyof Recorder, ...[first, second]: unknown[]): void => {
    if (name === 'checkpoint')
      copies.push({ step: (first as { cursor: { step: number } }).cursor.step, networks: second as readonly SavedNetwork[] });
    if (['committed', 'stepCompleted', 'checkpoint'].includes(name)) notes.push(name);
  };
  assert.equal((await played(recorder, (type) => notes.push(type))).outcome, 'completed');

  const round = ['work', 'committed', 'stepCompleted'];
  const expected = ['welcome', ...round, 'checkpoint', ...round, 'checkpoint', ...round, 'work', 'checkpoint', 'bye', 'closed'];
  assert.deepEqual(notes, expected);
  // Each gradient of ones takes one from weights that began at one: a copy shows its own step's, whatever was committed since.
  assert.deepEqual(
    copies.map(({ step, networks }) => [step, networks[0]!.weights[0]]),
    [
      [1, 0],
      [2, -1],
      [3, -2],
    ],
  );
});

test('a large network gives others their turn within its effects, and what comes meanwhile is handled after them', async () => {
  for (const [size, isLarge] of [
    [length, false],
    [partLength * 2 + 1, true],
  ] as const) {
    const notes: string[] = [];
    const recorder = (name: keyof Recorder): void => void (name === 'committed' && notes.push(name));
    const answered = (stop: (reason: string) => void): void => {
      if (notes.includes('answered')) return;
      notes.push('answered');
      // In the middle of the commit of a large network: that commit counts.
      stop('asked to');
      setImmediate(() => notes.push('turn'));
    };
    const { outcome } = await played(recorder, () => {}, undefined, { size, answered });
    assert.equal(outcome, 'stopped');
    assert.deepEqual(notes, isLarge ? ['answered', 'turn', 'committed'] : ['committed', 'answered']);
  }
});

/** The second commit finds that something is wrong. */
async function playedWith(error: Error) {
  const notes: string[] = [];
  const recorder = (name: keyof Recorder): void => {
    if (name !== 'committed') return;
    notes.push(name);
    if (notes.filter((note) => note === name).length === 2) throw error;
  };
  const ending = await played(recorder, (type) => notes.push(type));
  return { ending, notes };
}

test('an effect that fails ends the run in order, with its own code and sentence', async () => {
  const { ending, notes } = await playedWith(new LockstepError('compute-failed', 'No memory.'));
  assert.deepEqual(ending, { outcome: 'failed', code: 'compute-failed', reason: 'No memory.' });
  assert.deepEqual(notes, ['welcome', 'work', 'committed', 'work', 'committed', 'bye', 'closed']);
});

test('memory that the machine does not give has a code; what else is thrown is a bug, told as such after the orderly end', async () => {
  const { ending } = await playedWith(new RangeError('Array buffer allocation failed'));
  assert.equal(ending.code, 'compute-failed');
  assert.match(ending.reason, /^This machine does not give the memory that training needs \(Array buffer allocation failed\)\. Free/);
  const bug = new TypeError('x is not a function');
  const second = await playedWith(bug);
  assert.deepEqual(second.ending, { outcome: 'failed', reason: 'x is not a function', bug });
  assert.deepEqual(second.notes.slice(-2), ['bye', 'closed']);
});

test('an effect that fails while the run ends does not keep it from ending', async () => {
  const error = new LockstepError('compute-failed', 'No memory.');
  const notes: string[] = [];
  let checkpoints = 0;
  const ending = await played(
    (name) => {
      if (name === 'checkpoint' && (checkpoints += 1) === 3) throw error;
    },
    (type) => notes.push(type),
  );
  assert.deepEqual(ending, { outcome: 'failed', code: 'compute-failed', reason: 'No memory.' });
  assert.deepEqual(notes.slice(-2), ['bye', 'closed']);
});

test('a committed round waits for the samples of the next, and so does all that happens meanwhile; the wait is data time', async () => {
  const notes: string[] = [];
  let arrive = (): void => {};
  let waits = 0;
  const until = (): Promise<void> | undefined => {
    if ((waits += 1) !== 1) return undefined;
    notes.push('waiting');
    // Whatever does not wait gets ahead in these turns.
    void turns(20).then(() => {
      notes.push('there');
      arrive();
    });
    return new Promise((resolve) => (arrive = resolve));
  };
  const recorder = (name: keyof Recorder, part: unknown): void => {
    if (name === 'committed' || name === 'stepCompleted' || (name === 'spent' && part === 'data' && notes.at(-1) === 'there'))
      notes.push(name);
  };
  assert.equal((await played(recorder, (type) => notes.push(type), until)).outcome, 'completed');
  assert.deepEqual(notes.slice(0, 8), ['welcome', 'work', 'committed', 'waiting', 'there', 'spent', 'stepCompleted', 'work']);
});

test('samples that cannot be read end the run, with their sentence, and the round is not counted as committed', async () => {
  const notes: string[] = [];
  const error = new LockstepError('data-invalid', 'images.bin: the disk reports an input/output error.');
  const ending = await played(
    (name) => void (name === 'stepCompleted' && notes.push(name)),
    (type) => notes.push(type),
    () => Promise.reject(error),
  );
  assert.deepEqual(ending, { outcome: 'failed', code: 'data-invalid', reason: error.message });
  assert.deepEqual(notes, ['welcome', 'work', 'bye', 'closed']);
});

/** Turns of the event loop. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await nextTurn();
}
