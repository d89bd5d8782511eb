/** One life of a worker in a simulated world: the real runtime, with arithmetic in place of a backend. */
import assert from 'node:assert/strict';
import type { RunSettings } from '@lockstep/shared';
import type { Compute } from '../../packages/worker/src/compute/compute.ts';
import { type Outcome, runWorker } from '../../packages/worker/src/runtime.ts';
import { noSharing } from '../../packages/worker/src/wire/sharing.ts';
import { type Process, sleep } from './clock.ts';
import { silentLog } from './coordinator.ts';
import { endpoint, type Link, type SimulatedNetwork } from './network.ts';
import type { Random } from './random.ts';
import type { Lie } from './world.ts';
import { fingerprint, gradientOfShards, longestGradient, manifests, picturesOf } from './training.ts';

/** As `--reconnect-timeout` is when nothing else is said. */
export const reconnectTimeoutMs = 300_000;

const longestPieceMs = 10_000;

export interface WorkerOptions {
  readonly name: string;
  readonly process: Process;
  readonly link: Link;
  readonly network: SimulatedNetwork;
  readonly random: Random;
  /** How many times longer than usual it computes. */
  readonly slowness: () => number;
  /** Which bit of the gradient that it computes now is wrong, if one is. */
  readonly wrongBit: () => Lie['bit'] | undefined;
  readonly stopRequested: Promise<string>;
}

export function startWorker(options: WorkerOptions): Promise<Outcome> {
  const { name, process, link, network } = options;
  return runWorker({
    endpoint,
    connect: (events) => network.connect(process, process.name, link, events),
    identity: { peer: process.name, name, host: 'host', pid: 1, backend: 'simulated', device: 'none' },
    reconnectTimeoutMs,
    sharing: noSharing,
    createCompute: (run) => createCompute(run, options),
    clock: process.clock,
    log: silentLog,
    stopRequested: options.stopRequested.then((reason) => ({ reason })),
  });
}

function spoil(flat: Float32Array, bit: Lie['bit']): void {
  if (bit === 'NaN') return void (flat[0] = NaN);
  const words = new Uint32Array(flat.buffer, flat.byteOffset, flat.length);
  words[bit % words.length]! ^= 1 << (bit % 20);
}

async function createCompute(run: RunSettings, { process, random, slowness, wrongBit }: WorkerOptions): Promise<Compute> {
  const weights = new Map<string, Float32Array>();
  /** In pieces, so that what was slow is fast again as soon as it can be. */
  const busy = async (usualMs: number): Promise<void> => {
    for (let left = random.below(usualMs); left > 0;) {
      const factor = slowness();
      const pieceMs = Math.min(left * factor, longestPieceMs);
      await sleep(process.clock, pieceMs);
      left -= pieceMs / factor;
    }
  };
  await busy(2000);
  let isComputing = false;
  const compute = async <T>(usualMs: number, work: () => T): Promise<T> => {
    assert.ok(!isComputing, 'two computations at once');
    isComputing = true;
    await busy(usualMs);
    isComputing = false;
    return work();
  };
  return {
    manifests,
    longestGradient,
    setWeights: (network, _version, flat) => void weights.set(network, flat),
    version: () => undefined,
    gradient: (job) =>
      compute(100 * job.shards.length, () => {
        const answer = gradientOfShards(run, weights, job);
        const bit = wrongBit();
        if (bit !== undefined) spoil(answer.flats[0]!, bit);
        return answer;
      }),
    drawAhead() {},
    generate: ({ pictures }) => compute(200, () => picturesOf(weights, pictures)),
    fingerprint: async () => fingerprint,
    tensorCount: () => 0,
    dispose() {},
  };
}
