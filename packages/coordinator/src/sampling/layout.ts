/** How the pictures of a recipe look, and what their values mean. */
import { gridPictures, LockstepError, pictureInput, type Recipe } from '@lockstep/shared';
import type { DatasetInfo, Field } from '../data/dataset.ts';
import { fieldOf } from '../data/samples.ts';
import { type PictureShape, pictureShape } from '../reporting/grid.ts';
import type { TrainedRun } from './trained-run.ts';

export interface Layout {
  readonly count: number;
  readonly shape: PictureShape;
  /** Black and white. */
  readonly range: readonly [number, number];
  /** Pictures of a grid. */
  readonly gridCount: number;
}

/** Throws `usage` for a recipe that draws no pictures. */
export function layoutOf({ prepared: { recipe, dataset } }: TrainedRun, count: number): Layout {
  const input = pictureInput(recipe);
  if (recipe.generate === undefined || input === undefined)
    throw new LockstepError('usage', `The recipe '${recipe.name}' draws no pictures: it has no generate.`);
  const { shape, range } = input.spec;
  return { count, shape: pictureShape(shape, fieldOf(input, dataset)?.shape ?? shape), range, gridCount: gridPictures(recipe) };
}

/** The field of the data that the recipe's pictures are like. */
export function fieldOfPictures(recipe: Recipe, dataset: DatasetInfo): Field {
  return fieldOf(pictureInput(recipe)!, dataset)!;
}
