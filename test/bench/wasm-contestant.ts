/**
 * One side of `wasm.ts`, in its own process: computes steps on request and answers with the time they took.
 *
 * Responsible for: Lockstep's own worker code over either backend, so that kernels are the only difference.
 */
import { createRequire } from 'node:module';
import { builtInRecipe, initialFlat, type Tf } from '@lockstep/shared';
import type { Backend } from '../../packages/worker/src/backends/backend.ts';
import { loadWasm } from '../../packages/worker/src/backends/wasm.ts';
import { createCompute } from '../../packages/worker/src/compute/compute.ts';
import { timeKernels } from './kernel-times.ts';

export type Contestant = 'stock' | 'lockstep';

export interface Request {
  readonly steps: number;
  /** Also measure how long each kernel takes, which itself costs time: once, and last. */
  readonly timeKernels: boolean;
}

export interface Answer {
  readonly seconds: number;
  /** Of the last step, for each phase: elements of the gradient at a fixed stride, divided by its largest one. To compare contestants. */
  readonly gradients: readonly (readonly number[])[];
  /** By name. */
  readonly kernelSeconds: Readonly<Record<string, number>>;
}

const recipeName = 'gan-seed';
const seed = 1;
/** Coprime to the networks' widths, so that every column is sampled. */
const sampleStride = 997;

/** TF.js's wasm backend as it is installed. */
async function loadStock(): Promise<Backend> {
  const require = createRequire(import.meta.url);
  const tf = require('@tensorflow/tfjs') as Tf;
  require('@tensorflow/tfjs-backend-wasm');
  if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend did not start');
  return { name: 'wasm', device: 'wasm as shipped', tf, compile: (eager) => eager };
}

async function main(contestant: Contestant, batchSize: number): Promise<void> {
  const recipe = builtInRecipe(recipeName);
  const backend = contestant === 'stock' ? await loadStock() : await loadWasm();
  const compute = await createCompute({ backend, recipe, run: { seed, batchSize, shardCount: 1 } });
  const weights = Object.entries(compute.manifests).map(
    ([network, manifest], index) => [network, initialFlat(manifest, seed, index)] as const,
  );
  const pixels = Uint8Array.from({ length: batchSize * 784 }, (_, index) => (index * 7919) & 0xff);
  const step = async (): Promise<Float32Array[]> => {
    const flats: Float32Array[] = [];
    for (const [phase, { inputs }] of recipe.phases.entries()) {
      // As after a commit: the weights that the last phase updated are new tensors, and nothing packed for the old ones is of use.
      const { updates } = recipe.phases.at(phase - 1)!;
      for (const [network, flat] of weights) {
        if (network === updates || compute.version(network) === undefined) compute.setWeights(network, phase, flat);
      }
      const samples = inputs.includes('real') ? pixels : new Uint8Array(0);
      flats.push(...(await compute.gradient({ phase, round: phase, shards: [0], samples })).flats);
    }
    return flats;
  };
  process.on('message', (request: Request) => void answer(request, backend.tf, step));
}

async function answer({ steps, timeKernels: timed }: Request, tf: Tf, step: () => Promise<Float32Array[]>): Promise<void> {
  const kernelSeconds = timed ? timeKernels(tf, 'wasm') : {};
  let flats: Float32Array[] = [];
  const start = performance.now();
  for (let count = 0; count < steps; count += 1) flats = await step();
  const seconds = (performance.now() - start) / 1000;
  process.send!({ seconds, gradients: flats.map(sampleOf), kernelSeconds } satisfies Answer);
}

function sampleOf(flat: Float32Array): number[] {
  const largest = flat.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const sampled = flat.filter((_, index) => index % sampleStride === 0);
  return Array.from(sampled, (value) => value / largest);
}

await main(process.argv[2] as Contestant, Number(process.argv[3]));
