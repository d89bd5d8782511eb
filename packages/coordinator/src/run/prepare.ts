/**
 * Everything that must be known and right before anything starts: recipe, data, length of the run, and, on a resume, its checkpoint.
 *
 * Responsible for: loading and cross-checking. Not responsible for: sockets, processes, or writing anything.
 */
import {
  dataInputsOf,
  loadRecipe,
  LockstepError,
  type Manifests,
  type Recipe,
  repetitions,
  type RunSettings,
  updatedNetworks,
} from '@lockstep/shared';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { checkBatch } from '../options/resolve-options.ts';
import { imagesPerStep } from '../core/cursor.ts';
import type { PlannedPhase } from '../core/plan.ts';
import { type OpenData, openData } from '../data/open-data.ts';
import type { Options } from '../options/option-table.ts';
import type { About } from './config-file.ts';

export interface Prepared {
  readonly recipe: Recipe;
  readonly run: RunSettings;
  /** Absolute path, for a recipe that is not built in. */
  readonly recipeFile: string | undefined;
  readonly dataset: OpenData;
  readonly phases: readonly PlannedPhase[];
  readonly totalSteps: number;
}

/** `say` is told what takes long. */
export async function prepare(options: Options, say: (sentence: string) => void): Promise<Prepared> {
  const { recipe, hash, file } = await loadRecipe(options.recipe);
  const batchSize = options.batchSize ?? recipe.batchSize;
  checkBatch(batchSize, options.shards);
  const { seed, shards: shardCount, execution, onNonfinite } = options;
  const request = { path: options.data, split: 'train', pictureSize: options.pictureSize } as const;
  const dataset = await openData({ request, recipe, seed, batchSize, recompute: options.verifyData, say });
  const phases = recipe.phases.map((phase) => ({
    name: phase.name,
    updates: updatedNetworks(phase),
    repeat: repetitions(phase),
    readsData: dataInputsOf(recipe, phase).length > 0,
  }));
  const totalSteps = options.steps ?? Math.floor(((options.epochs ?? recipe.epochs) * dataset.count) / imagesPerStep(phases, batchSize));
  if (totalSteps < 1) {
    await dataset.close();
    throw new LockstepError(
      'usage',
      `--epochs ${options.epochs} is less than one step of ${imagesPerStep(phases, batchSize)} images. Raise it, or give --steps.`,
    );
  }
  const policy = onNonfinite === 'stop' ? {} : { onNonfinite };
  const run: RunSettings = { recipe: { name: recipe.name, hash }, seed, batchSize, shardCount, execution, ...policy };
  return { recipe, run, recipeFile: file, dataset, phases, totalSteps };
}

/** Refuses to resume from a checkpoint that belongs to another computation. */
export function checkCheckpoint({ run: was, ...checkpoint }: Checkpoint, path: string, { run, ...prepared }: Prepared): void {
  const refuse = (what: string): never => {
    throw new LockstepError('resume-invalid', `${path} cannot be resumed: ${what}.`);
  };
  checkSources({ recipeHash: was.recipe.hash, datasetSha256: checkpoint.datasetSha256 }, path, { run, ...prepared });
  if (was.seed !== run.seed) refuse(`its seed is ${was.seed}, not ${run.seed} (--seed)`);
  if (was.batchSize !== run.batchSize) refuse(`its batch size is ${was.batchSize}, not ${run.batchSize} (--batch-size)`);
  if (was.shardCount !== run.shardCount) refuse(`it has ${was.shardCount} shards, not ${run.shardCount} (--shards)`);
  if (was.execution !== undefined && was.execution !== run.execution)
    refuse(`its phases run as '${was.execution}', not '${run.execution}' (--execution)`);
  if (was.onNonfinite !== run.onNonfinite)
    refuse(`it was made with --on-nonfinite ${was.onNonfinite ?? 'stop'}, not ${run.onNonfinite ?? 'stop'}`);
  const { cursor, roundsIntoStep } = checkpoint;
  if (cursor.step > prepared.totalSteps || (cursor.step === prepared.totalSteps && roundsIntoStep > 0)) {
    refuse(`it is past step ${prepared.totalSteps}; give a larger total with --steps or --epochs`);
  }
}

/** Refuses to resume with a recipe or data of other bytes than the run began with, wherever they are. `was`: what is known of those. */
export function checkSources(
  was: Pick<About, 'recipeHash' | 'datasetSha256'>,
  path: string,
  { run, dataset }: Pick<Prepared, 'run' | 'dataset'>,
): void {
  const refuse = (what: string, flag: string): never => {
    throw new LockstepError(
      'resume-invalid',
      `${path} cannot be resumed: the ${what} is not the one that the run began with. Restore it, give its location with ${flag}, or start a new run.`,
    );
  };
  if (was.recipeHash !== undefined && was.recipeHash !== run.recipe.hash) refuse(`recipe '${run.recipe.name}'`, '--recipe');
  if (was.datasetSha256 !== undefined && was.datasetSha256 !== dataset.sha256) refuse('data set', '--data');
}

/** Whether every step is done, for a checkpoint that has passed `checkCheckpoint`. */
export function isComplete({ cursor }: Checkpoint, { totalSteps }: Prepared): boolean {
  return cursor.step === totalSteps;
}

export function manifestsOf(checkpoint: Checkpoint): Manifests {
  return Object.fromEntries(checkpoint.networks.map(({ name, manifest }) => [name, manifest]));
}
