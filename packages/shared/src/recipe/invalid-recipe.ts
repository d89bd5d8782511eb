import { LockstepError } from '../errors.ts';

/** A recipe file that cannot be used: one sentence that names it. */
export function invalidRecipe(sentence: string, cause?: unknown): LockstepError {
  return new LockstepError('recipe-invalid', sentence, { cause });
}
