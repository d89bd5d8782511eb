import assert from 'node:assert/strict';
import test from 'node:test';
import { LockstepError } from '../../errors.ts';
import { checkRecipe } from '../recipe-rules.ts';
import { builtInRecipe, recipeNames } from './index.ts';

test('every built-in recipe keeps the rules and bears its name', () => {
  assert.deepEqual(recipeNames, ['gan', 'gan-seed', 'dcgan', 'conditional-gan', 'vae', 'classifier']);
  for (const name of recipeNames) assert.equal(checkRecipe(builtInRecipe(name), name).name, name);
});

test('gan-seed has the settings that the project started from', () => {
  const { batchSize, optimizers } = builtInRecipe('gan-seed');
  assert.equal(batchSize, 128);
  assert.deepEqual(optimizers['generator'], { kind: 'adam', learningRate: 1e-4 });
  assert.deepEqual(optimizers['discriminator'], optimizers['generator']);
});

test('an unknown name is answered with the known names, and with a guess only if one is close', () => {
  const sentence = (name: string): string => {
    try {
      builtInRecipe(name);
    } catch (error) {
      assert.ok(error instanceof LockstepError && error.code === 'recipe-invalid');
      return error.message;
    }
    return assert.fail(`${name} was found`);
  };
  assert.match(sentence('gna'), /Did you mean 'gan'\? Recipes are gan, gan-seed, dcgan, conditional-gan, vae, classifier;/);
  assert.match(sentence('GAN'), /Did you mean 'gan'/);
  assert.match(sentence('gan_seed'), /Did you mean 'gan-seed'/);
  assert.doesNotMatch(sentence('stylegan3'), /Did you mean/);
  assert.ok(sentence('x'.repeat(100_000)).length < 500);
});
