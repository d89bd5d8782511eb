/**
 * A worker of a large network that computes nothing: Lockstep's own worker (runtime, core, transport, carrier), whose gradient is always the
 * same flat. So what is measured is the coordinator and the way there and back, and the memory of both, not a backend's.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { connect, cover, createLog, type Manifests, type RunSettings, type Stop, systemClock } from '@lockstep/shared';
import type { Compute } from '../../packages/worker/src/compute/compute.ts';
import { runWorker } from '../../packages/worker/src/runtime.ts';
import { createSharing } from '../../packages/worker/src/wire/sharing.ts';

const network = 'autoencoder';

function computeNothing({ shardCount }: RunSettings, length: number): Compute {
  const initializer = { kind: 'uniform', min: -0.1, max: 0.1 } as const;
  const manifests: Manifests = {
    [network]: { parameters: [{ name: 'all', shape: [length], offset: 0, initializer }], length, topology: {} },
  };
  let held: number | undefined;
  return {
    manifests,
    longestGradient: length,
    setWeights: (_, version, flat) => {
      if (!Number.isFinite(flat[0]! + flat.at(-1)!)) throw new Error('the weights that arrived are wrong');
      held = version;
    },
    version: () => held,
    // A flat of its own for every answer, as a backend makes one: the worker frees what it has sent.
    gradient: async ({ shards }) => {
      const nodes = cover(shards, shardCount);
      const flats = nodes.map(() => new Float32Array(length).fill(1e-6));
      return { nodes, flats, outcomes: shards.map((shard) => ({ shard, loss: 1, metrics: {} })) };
    },
    drawAhead: () => {},
    generate: async () => {
      throw new Error('the recipe draws no pictures');
    },
    fingerprint: async () => '0'.repeat(64),
    tensorCount: () => 0,
    dispose: () => {},
  };
}

const [endpoint, name, length] = process.argv.slice(2) as [string, string, string];
const peer = randomBytes(8).toString('hex');
// However the benchmark ends, its channel closes.
const stop = new Promise<Stop>((resolve) => process.once('disconnect', () => resolve({ reason: 'the benchmark is over' })));
const { code, reason } = await runWorker({
  endpoint,
  connect: (events) => connect(endpoint, peer, events),
  identity: { peer, name, host: hostname(), pid: process.pid, backend: 'none', device: 'none' },
  reconnectTimeoutMs: 60_000,
  sharing: createSharing(),
  createCompute: async (run) => computeNothing(run, Number(length)),
  clock: systemClock,
  log: createLog({ level: 'error' }),
  stopRequested: stop,
});
if (code !== undefined) console.error(`${name}: ${reason}`);
process.exit(code === undefined ? 0 : 1);
