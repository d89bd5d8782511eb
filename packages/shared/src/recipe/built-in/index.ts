/** The built-in recipes, by name. */
import { LockstepError } from '../../errors.ts';
import type { Recipe } from '../recipe.ts';
import { classifier } from './classifier.ts';
import { conditionalGan } from './conditional-gan.ts';
import { dcgan } from './dcgan.ts';
import { gan } from './gan.ts';
import { vae } from './vae.ts';

const all: readonly Recipe[] = [
  // Chosen by looking at grids after 8 epochs. beta1 0.9 let the discriminator win for good within two epochs, with ReLU at 1e-3 and with
  // leaky ReLU at 5e-4, batch 256 and 512; beta1 0.5 was stable, and 1e-3 gave clearer digits after 4 epochs than 5e-4 after 8.
  gan({
    name: 'gan',
    generatorSlope: 0.2,
    discriminatorSlope: 0.2,
    batchSize: 256,
    epochs: 8,
    optimizer: { kind: 'adam', learningRate: 1e-3, beta1: 0.5 },
  }),
  // The settings that the project started from: ReLU everywhere, and Adam(1e-4) with TF.js's defaults. Learns slowly.
  gan({
    name: 'gan-seed',
    generatorSlope: 0,
    discriminatorSlope: 0,
    batchSize: 128,
    epochs: 10,
    optimizer: { kind: 'adam', learningRate: 1e-4 },
  }),
  dcgan({ name: 'dcgan', width: 64, batchSize: 128, epochs: 8 }),
  conditionalGan,
  vae,
  classifier,
];

export const recipeNames: readonly string[] = all.map((recipe) => recipe.name);

/** The built-in recipe of this name. Throws LockstepError('recipe-invalid') that lists the names and guesses which one was meant. */
export function builtInRecipe(name: string): Recipe {
  const found = all.find((recipe) => recipe.name === name);
  if (found !== undefined) return found;
  const near = closest(name, recipeNames);
  const guess = near === undefined ? '' : ` Did you mean '${near}'?`;
  throw new LockstepError(
    'recipe-invalid',
    `There is no recipe '${name.slice(0, 128)}'.${guess} Recipes are ${recipeNames.join(', ')}; a recipe of your own is given by its path, such as ./my-recipe.mjs.`,
  );
}

/** The name with the fewest edits, if at most two in five letters differ. */
function closest(name: string, names: readonly string[]): string | undefined {
  if (name.length > 64) return undefined;
  const ranked = names.map((candidate) => ({ candidate, edits: editDistance(name.toLowerCase(), candidate) }));
  const best = ranked.toSorted((left, right) => left.edits - right.edits)[0];
  return best !== undefined && best.edits <= Math.max(2, best.candidate.length * 0.4) ? best.candidate : undefined;
}

/** Levenshtein's distance (1966), row by row. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const substitution = previous[column - 1]! + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[to.length]!;
}
