/**
 * Tries every case of `cases.ts` on one backend: `node ... try.ts cpu|wasm|tensorflow` writes what came out as JSON. A process of its own,
 * since a process holds one TensorFlow, and what one backend repairs is repaired for all in it.
 */
import { initialFlat, LockstepError, type Recipe } from '@lockstep/shared';
import { loadBackend } from '../../packages/worker/src/backends/index.ts';
import type { Backend } from '../../packages/worker/src/backends/backend.ts';
import { referenceTf } from '../../packages/worker/src/backends/testing/evaluate.ts';
import { createCompute } from '../../packages/worker/src/compute/compute.ts';
import { busyWeights } from '../numerics/setup.ts';
import { layerCases, type LayerCase, notLayers, type Symbolic } from './cases.ts';

export interface Tried {
  /** Loss, then gradient; or why there is none. */
  readonly values?: readonly number[];
  readonly reason?: string;
}

export interface TriedAll {
  readonly layers: Readonly<Record<string, Tried>>;
  /** Layers of this TF.js that no case uses. */
  readonly forgotten: readonly string[];
}

function recipeOf({ shape, integersBelow, isFirst, apply }: LayerCase): Recipe {
  return {
    name: 'one',
    batchSize: 4,
    epochs: 1,
    real: { shape: [2], range: [0, 1] },
    inputs: { x: { shape, distribution: integersBelow === undefined ? 'normal' : 'uniform' } },
    networks: {
      net(tf) {
        const input = tf.input({ name: 'x', shape: [...shape] });
        // A layer with weights on both sides, so that gradients pass through.
        const units = shape.at(-1)!;
        const before =
          integersBelow === undefined && !isFirst ? (tf.layers.dense({ name: 'before', units }).apply(input) as Symbolic) : input;
        const output = apply(tf, before);
        const made = output.rank === 2 ? output : (tf.layers.flatten({ name: 'flat' }).apply(output) as Symbolic);
        return tf.model({ inputs: input, outputs: tf.layers.dense({ name: 'last', units: 2 }).apply(made) as Symbolic });
      },
    },
    phases: [
      {
        name: 'fit',
        updates: 'net',
        inputs: ['x'],
        loss({ tf, networks, x }) {
          const input = integersBelow === undefined ? x! : tf.floor(tf.mul(x!, integersBelow));
          return { loss: tf.mean(tf.square(networks['net']!(input))) };
        },
      },
    ],
    optimizers: { net: { kind: 'sgd', learningRate: 1 } },
    generate: ({ networks, x }) => networks['net']!(x!),
  };
}

async function tryLayer(backend: Backend, layer: LayerCase): Promise<Tried> {
  try {
    const compute = await createCompute({ backend, recipe: recipeOf(layer), run: { seed: 3, batchSize: 4, shardCount: 1 } });
    try {
      await compute.fingerprint();
      const { state, ...weights } = compute.manifests['net']!;
      compute.setWeights('net', 0, busyWeights(weights, 1), state && initialFlat(state, 1, 2));
      const { flats, outcomes } = await compute.gradient({ phase: 0, round: 0, shards: [0], samples: new Uint8Array() });
      return { values: [outcomes[0]!.loss, ...flats[0]!] };
    } finally {
      compute.dispose();
    }
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    return { reason: error.message };
  }
}

async function load(name: string): Promise<Backend> {
  if (name !== 'cpu') return (await loadBackend(name as 'wasm', undefined)).backend;
  return { name, device: name, tf: await referenceTf(), compile: (eager) => eager };
}

const backend = await load(process.argv[2]!);
const layers: Record<string, Tried> = {};
for (const [name, layer] of Object.entries(layerCases)) layers[name] = await tryLayer(backend, layer);
const known = new Set([...notLayers, ...Object.keys(layers).map((name) => name.split(',')[0]!)]);
const all = Object.entries(backend.tf.layers).flatMap(([name, made]) => (typeof made === 'function' ? [name] : []));
process.stdout.write(JSON.stringify({ layers, forgotten: all.filter((name) => !known.has(name)) } satisfies TriedAll));
