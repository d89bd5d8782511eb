/**
 * `vae` and a recipe with networks of several inputs, on the real addon: workers change no bit, and compiled phases have the gradients of
 * eager ones, bit for bit. TensorFlow may sum a loss in another order there: the last bit of `vae`'s divergence differs.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { builtInRecipe, dataInputsOf, loadRecipe, sampleBlocks, sampleBytes, type Recipe, type ShardOutcome } from '@lockstep/shared';
import type { Backend } from '../../packages/worker/src/backends/backend.ts';
import { compilePhase } from '../../packages/worker/src/backends/compile/index.ts';
import { type Compute, createCompute } from '../../packages/worker/src/compute/compute.ts';
import { startRun } from '../e2e/harness.ts';
import { busyWeights, randomPixels } from '../numerics/setup.ts';
import { loadNative, repository, requireBuild } from './tensorflow.ts';

const file = join(repository, 'test/fixtures/conditional.mjs');
const augmented = join(repository, 'test/fixtures/augmented.mjs');
const recipes: Record<string, { readonly load: () => Promise<Recipe>; readonly name: string }> = {
  vae: { load: async () => builtInRecipe('vae'), name: 'vae' },
  'conditional-gan': { load: async () => builtInRecipe('conditional-gan'), name: 'conditional-gan' },
  classifier: { load: async () => builtInRecipe('classifier'), name: 'classifier' },
  conditional: { load: async () => (await loadRecipe(file)).recipe, name: file },
  augmented: { load: async () => (await loadRecipe(augmented)).recipe, name: augmented },
};

async function ready(backend: Backend, recipe: Recipe): Promise<Compute> {
  const compute = await createCompute({ backend, recipe, run: { seed: 5, batchSize: 10, shardCount: 3 } });
  Object.entries(compute.manifests).forEach(([name, manifest], index) => compute.setWeights(name, 0, busyWeights(manifest, index)));
  return compute;
}

function assertClose(found: ShardOutcome, wanted: ShardOutcome): void {
  const figures = ({ loss, metrics }: ShardOutcome): [string, number][] => Object.entries({ loss, ...metrics });
  const others = new Map(figures(wanted));
  for (const [figure, value] of figures(found)) {
    const other = others.get(figure)!;
    assert.ok(Math.abs(value - other) <= 1e-6 * Math.abs(other), `${figure}: ${value}, eager ${other}`);
  }
}

for (const [title, { load, name }] of Object.entries(recipes)) {
  test(`${title}: compiled gradients equal eager ones bit for bit, in every phase and for both shard sizes`, async (t) => {
    const tf = await loadNative(t);
    if (!tf) return;
    const recipe = await load();
    const on = (compile: Backend['compile']): Promise<Compute> => ready({ name: 'tensorflow', device: '', tf, compile }, recipe);
    const [eager, compiled] = [await on((phase) => phase), await on((phase) => compilePhase(tf, phase))];
    for (const [phase, each] of recipe.phases.entries()) {
      for (const round of [phase, phase + 40]) {
        const samples = randomPixels(sampleBytes(sampleBlocks(dataInputsOf(recipe, each), 10)));
        const job = { phase, round, shards: [0, 1, 2], samples };
        const [found, wanted] = [await compiled.gradient(job), await eager.gradient(job)];
        assert.deepEqual(found.flats, wanted.flats);
        for (const [shard, outcome] of found.outcomes.entries()) assertClose(outcome, wanted.outcomes[shard]!);
      }
    }
    if (recipe.generate !== undefined) assert.deepEqual(await compiled.generate({ pictures: 16 }), await eager.generate({ pictures: 16 }));
    eager.dispose();
    compiled.dispose();
  });

  test(`${title}: the same weights with 1, 2 and 3 workers`, async (t) => {
    if (!requireBuild(t)) return;
    const common = ['--recipe', name, '--batch-size', '32', '--steps', '8', '--backend', 'tensorflow', '--spawn', '--grid-every', '0'];
    const hashes = async (workers: number): Promise<object> =>
      (await (await startRun(t, { args: [...common, '--workers', String(workers)] })).completed()).weightsSha256;
    const alone = await hashes(1);
    for (const workers of [2, 3]) assert.deepEqual(await hashes(workers), alone);
  });
}
