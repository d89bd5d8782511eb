/**
 * The coordinator's side of `synchronisation.ts`, in its own process: starts its workers, runs rounds on request, answers with their time.
 *
 * Responsible for: Lockstep's own listen, messages, carriers and tree sum, and for checking that the sums are right.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  atOnce,
  createArena,
  createFlatPool,
  decode,
  encode,
  type Hello,
  listen,
  type PeerId,
  ready,
  type Result,
  type ServerTransport,
  toCoordinator,
  type Work,
} from '@lockstep/shared';
import { createCarriers } from '../../packages/coordinator/src/wire/carriers.ts';
import { createTreeSum } from '../../packages/coordinator/src/training/reduce.ts';
import { carrierNamed } from './carriers.ts';
import { workerValue } from './synchronisation-value.ts';

export interface Request {
  readonly rounds: number;
}

export interface Answer {
  readonly seconds: number;
}

const runId = 'synchronisation';
const noHash = '0'.repeat(64);

async function main(carrierName: string, workers: number, elements: number): Promise<void> {
  const entry = carrierNamed(carrierName);
  const carriers = createCarriers(entry.choice);
  // As the coordinator does: reused memory costs a sixth of fresh memory.
  const pool = createFlatPool(workers, createArena(workers + 1, elements));
  const peers: PeerId[] = [];
  let joined: () => void;
  const everyone = new Promise<void>((resolve) => (joined = resolve));
  let answered: (peer: PeerId, result: Result, flats: Float32Array[]) => void;

  const transport: ServerTransport = await listen(entry.bind(temporaryDirectory()));
  transport.serve({
    message: (peer, frames) => {
      const decoded = decode(toCoordinator, frames);
      if (!decoded.ok) throw new Error(decoded.reason);
      const { message } = decoded;
      if (message.type === 'hello') return welcome(peer, message);
      if (message.type === 'result') {
        const allocate = entry.carrier === 'inline' ? pool.take : undefined;
        const flats = atOnce(carriers.of(peer).unpack(message.payload, decoded.frames, allocate));
        if (flats === undefined || flats === 'damaged') throw new Error(`the gradient of worker ${peer} is not there, or damaged`);
        return answered(peer, message, flats);
      }
      if (message.type !== 'ready') throw new Error(`unexpected message: ${message.type}`);
      carriers.settle(peer, message.carrier);
      if (carriers.of(peer).name !== entry.carrier) throw new Error(`worker ${peer} uses ${carriers.of(peer).name}, not ${entry.carrier}`);
      if (peers.push(peer) === workers) joined();
    },
    down: (peer) => {
      throw new Error(`worker ${peer} is gone`);
    },
  });
  startWorkers(workers, [carrierName, transport.endpoint, String(elements)]);
  await everyone;

  let number = 0;
  let weights: Float32Array = new Float32Array(elements).fill(workers * workerValue);
  process.on('message', ({ rounds }: Request) => void measure(rounds));

  async function measure(rounds: number): Promise<void> {
    const start = performance.now();
    for (let count = 0; count < rounds; count += 1) {
      const sum = await round();
      // Every worker has received them, or it could not have answered.
      pool.give(weights);
      weights = sum;
    }
    const seconds = (performance.now() - start) / 1000;
    if (weights.some((value) => value !== workers * workerValue)) throw new Error('the sum is wrong: nothing was measured');
    process.send!({ seconds } satisfies Answer);
  }

  /** Sends the last sum to everyone; resolves with the new one. */
  function round(): Promise<Float32Array> {
    return new Promise((resolve) => {
      number += 1;
      const sum = createTreeSum(workers, pool);
      let missing = workers;
      answered = (peer, { round: of, nodes }, flats) => {
        if (of !== number) throw new Error(`worker ${peer} answered round ${of} in round ${number}`);
        atOnce(sum.add(nodes[0]!, flats[0]!));
        missing -= 1;
        if (missing === 0) resolve(sum.total()!);
      };
      for (const [shard, peer] of peers.entries()) {
        const flat = { key: 'weights', version: number, live: weights, snapshot: () => ready(weights) };
        const { payload, frames } = atOnce(carriers.of(peer).pack([flat]));
        transport.send(peer, encode(workMessage(peer, number, shard, payload), frames));
      }
    });
  }

  function welcome(peer: PeerId, { region }: Hello): void {
    const offered = carriers.greet(peer, region);
    const fence = { runId, term: 1, peer, round: 0 };
    const run = { recipe: { name: 'none', hash: noHash }, seed: 0, batchSize: workers, shardCount: workers, execution: 'graph' } as const;
    transport.send(peer, encode({ type: 'welcome', ...fence, run, ...(offered === undefined ? {} : { region: offered }) }));
  }
}

function workMessage(peer: PeerId, round: number, shard: number, payload: Work['payload']): Work {
  const fence = { runId, term: 1, peer, round };
  const weights = { versions: { weights: round }, sends: ['weights'], sampleBytes: 0, payload };
  return { type: 'work', ...fence, workId: round, task: 'gradient', phase: 0, shards: [shard], pictures: 0, ...weights };
}

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'lockstep-bench-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** They end with this process: their channel closes. */
function startWorkers(count: number, args: readonly string[]): void {
  const children = Array.from({ length: count }, (_, index): ChildProcess => {
    const child = fork(fileURLToPath(new URL('synchronisation-worker.ts', import.meta.url)), [...args, `worker-${index}`]);
    return child.once('exit', (code) => {
      throw new Error(`a worker ended with ${code}`);
    });
  });
  process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
}

process.once('disconnect', () => process.exit(0));
const [carrierName, workers, elements] = process.argv.slice(2);
await main(carrierName!, Number(workers), Number(elements));
