/**
 * A worker that sleeps instead of computing: Lockstep's own worker (runtime, core, transport, carrier) over a backend that does nothing.
 *
 * Its thread is blocked while it sleeps, as a real computation blocks it, but its core is free: so one machine can play 64.
 * The gradient is computed once and then repeated: the numbers stay finite, and the optimizer has its usual work.
 */
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { connect, createLog, loadRecipe, type Recipe, type Stop, systemClock, type Tensor, type Tf } from '@lockstep/shared';
import type { Backend, PhaseFunction, PhaseOutputs } from '../../packages/worker/src/backends/backend.ts';
import { createCompute } from '../../packages/worker/src/compute/compute.ts';
import { runWorker } from '../../packages/worker/src/runtime.ts';
import { createSharing } from '../../packages/worker/src/wire/sharing.ts';

/** Blocks this thread without using its core. */
function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** A phase that always returns its first result, and takes `milliseconds` for it: making the answer is part of computing. */
function sleeping(tf: Tf, eager: PhaseFunction, milliseconds: number): PhaseFunction {
  let known: { gradient: Float32Array; loss: number; metrics: Record<string, number> } | undefined;
  return (inputs) => {
    const startMs = performance.now();
    const isFirst = known === undefined;
    known ??= valuesOf(eager(inputs));
    // A copy, since the worker frees what it has sent.
    const gradient = tf.tensor1d(known.gradient.slice());
    const metrics = Object.fromEntries(Object.entries(known.metrics).map(([name, value]) => [name, tf.scalar(value)]));
    if (!isFirst) sleep(milliseconds - (performance.now() - startMs));
    return { gradient, loss: tf.scalar(known.loss), metrics };
  };
}

function valuesOf({ gradient, loss, metrics }: PhaseOutputs): { gradient: Float32Array; loss: number; metrics: Record<string, number> } {
  const valueOf = (scalar: Tensor): number => scalar.dataSync<'float32'>()[0]!;
  return {
    gradient: gradient.dataSync<'float32'>().slice(),
    loss: valueOf(loss),
    metrics: Object.fromEntries(Object.entries(metrics).map(([name, metric]) => [name, valueOf(metric)])),
  };
}

async function main(endpoint: string, name: string, milliseconds: number): Promise<void> {
  const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as Tf;
  tf.enableProdMode(); // no advice on the terminal
  await tf.setBackend('cpu');
  const backend: Backend = {
    name: 'sleep',
    device: `sleeps ${milliseconds} ms`,
    tf,
    compile: (eager) => sleeping(tf, eager, milliseconds),
  };
  // However the benchmark ends, its channel closes.
  const stop = new Promise<Stop>((resolve) => process.once('disconnect', () => resolve({ reason: 'the benchmark is over' })));
  const peer = randomBytes(8).toString('hex');
  const { code, reason } = await runWorker({
    endpoint,
    connect: (events) => connect(endpoint, peer, events),
    identity: { peer, name, host: hostname(), pid: process.pid, backend: backend.name, device: backend.device },
    reconnectTimeoutMs: 60_000,
    sharing: createSharing(),
    createCompute: async (run) => {
      const { recipe } = await loadRecipe(run.recipe.name);
      // Pictures are not measured, and TF.js's plain `cpu` backend, chosen for its short start-up, would take long to draw them.
      const withoutPictures: Recipe = { ...recipe, generate: ({ tf, z }) => tf.zeros([z!.shape[0], 784]) };
      return createCompute({ backend, recipe: withoutPictures, run });
    },
    clock: systemClock,
    log: createLog({ level: 'error' }),
    stopRequested: stop,
  });
  if (code !== undefined) console.error(`${name}: ${reason}`);
  process.exit(code === undefined ? 0 : 1);
}

const [endpoint, name, milliseconds] = process.argv.slice(2);
await main(endpoint!, name!, Number(milliseconds));
