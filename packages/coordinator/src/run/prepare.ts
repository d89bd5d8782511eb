/**
 * Everything that must be known and right before anything starts: recipe, data, length of the run, and, on a resume, its checkpoint.
 *
 * Responsible for: loading and cross-checking. Not responsible for: sockets, processes, or writing anything.
 */
import { loadRecipe, LockstepError, type Manifests, type Recipe, repetitions, type RunSettings } from '@lockstep/shared';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { checkBatch } from '../options/resolve-options.ts';
import { imagesPerStep } from '../core/cursor.ts';
import type { PlannedPhase } from '../core/plan.ts';
import { type Dataset, loadDataset } from '../data/mnist.ts';
import type { Options } from '../options/option-table.ts';

export interface Prepared {
  readonly recipe: Recipe;
  readonly run: RunSettings;
  /** Absolute path, for a recipe that is not built in. */
  readonly recipeFile: string | undefined;
  readonly dataset: Dataset;
  readonly phases: readonly PlannedPhase[];
  readonly totalSteps: number;
}

export async function prepare(options: Options): Promise<Prepared> {
  const { recipe, hash, file } = await loadRecipe(options.recipe);
  const batchSize = options.batchSize ?? recipe.batchSize;
  checkBatch(batchSize, options.shards);
  const dataset = await loadDataset(options.data);
  const pixels = recipe.real.shape.reduce((product, dimension) => product * dimension, 1);
  if (pixels !== dataset.pixels) {
    throw new LockstepError(
      'data-invalid',
      `The recipe '${recipe.name}' wants samples of ${pixels} pixels, but ${options.data ?? 'MNIST'} has ${dataset.shape.join(' x ')}. Change real.shape in the recipe, or --data.`,
    );
  }
  const phases = recipe.phases.map((phase) => ({
    name: phase.name,
    updates: phase.updates,
    repeat: repetitions(phase),
    readsReal: phase.inputs.includes('real'),
  }));
  const totalSteps = options.steps ?? Math.floor(((options.epochs ?? recipe.epochs) * dataset.count) / imagesPerStep(phases, batchSize));
  if (totalSteps < 1) {
    throw new LockstepError(
      'usage',
      `--epochs ${options.epochs} is less than one step of ${imagesPerStep(phases, batchSize)} images. Raise it, or give --steps.`,
    );
  }
  const { seed, shards: shardCount, execution } = options;
  const run: RunSettings = { recipe: { name: recipe.name, hash }, seed, batchSize, shardCount, execution };
  return { recipe, run, recipeFile: file, dataset, phases, totalSteps };
}

/** Refuses to go on with a checkpoint that belongs to another computation. */
export function checkCheckpoint({ run: was, ...checkpoint }: Checkpoint, path: string, { run, ...prepared }: Prepared): void {
  const refuse = (what: string): never => {
    throw new LockstepError('resume-invalid', `${path} cannot be resumed: ${what}.`);
  };
  if (was.recipe.hash !== run.recipe.hash) {
    refuse(`its recipe '${was.recipe.name}' has changed since (--recipe); restore the file, or start a new run`);
  }
  if (checkpoint.datasetSha256 !== prepared.dataset.sha256) refuse("the data is not the run's (--data); point it at the same files");
  if (was.seed !== run.seed) refuse(`its seed is ${was.seed}, not ${run.seed} (--seed)`);
  if (was.batchSize !== run.batchSize) refuse(`its batch is ${was.batchSize}, not ${run.batchSize} (--batch-size)`);
  if (was.shardCount !== run.shardCount) refuse(`it has ${was.shardCount} shards, not ${run.shardCount} (--shards)`);
  if (was.execution !== undefined && was.execution !== run.execution)
    refuse(`its phases run as '${was.execution}', not '${run.execution}' (--execution)`);
  if (checkpoint.cursor.step >= prepared.totalSteps) {
    refuse(`it has all of its ${checkpoint.cursor.step} steps; give a larger total with --steps or --epochs`);
  }
}

export function manifestsOf(checkpoint: Checkpoint): Manifests {
  return Object.fromEntries(checkpoint.networks.map(({ name, manifest }) => [name, manifest]));
}
