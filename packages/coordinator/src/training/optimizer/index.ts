/** Optimizers by the spec of a recipe: the one place that knows which kinds exist, and that checks their settings. */
import { LockstepError } from '@lockstep/shared';
import type { AdamSpec, OptimizerSpec } from '@lockstep/shared';
import { adamDefaults, createAdam } from './adam.ts';
import type { Optimizer } from './optimizer.ts';
import { createSgd } from './sgd.ts';

export type { Optimizer, OptimizerState } from './optimizer.ts';

/**
 * An optimizer at its start, with a copy of these weights. `learningRateOverride` (`--learning-rate`) replaces the recipe's.
 * `spec.clipNorm` is checked here and applied by the caller (`clipScale`), which reports the norm before it.
 * Throws `recipe-invalid` for a bad setting, and as `createResidentFlats` does for a network that does not fit into memory.
 */
export function createOptimizer(spec: OptimizerSpec, initial: Float32Array, learningRateOverride?: number): Optimizer {
  const resolved = learningRateOverride === undefined ? spec : { ...spec, learningRate: learningRateOverride };
  checkAboveZero(resolved, 'learningRate', resolved.learningRate);
  if (resolved.clipNorm !== undefined) checkAboveZero(resolved, 'clipNorm', resolved.clipNorm);
  switch (resolved.kind) {
    case 'adam':
      checkAdam(resolved);
      return createAdam(resolved, initial);
    case 'sgd':
      checkFraction(resolved, 'momentum', resolved.momentum ?? 0);
      return createSgd(resolved, initial);
    default:
      throw new LockstepError(
        'recipe-invalid',
        `The recipe asks for the optimizer "${String((resolved as { kind: unknown }).kind)}"; there are adam and sgd.`,
      );
  }
}

function checkAdam(spec: AdamSpec): void {
  const { beta1, beta2, epsilon } = { ...adamDefaults, ...spec };
  checkFraction(spec, 'beta1', beta1);
  checkFraction(spec, 'beta2', beta2);
  // With epsilon 0 an element whose gradients are all zero would be 0 / 0.
  checkAboveZero(spec, 'epsilon', epsilon);
}

/** Compared after rounding to float32, which is what the arithmetic sees: 1e-50 is 0 there, and 0.99999999 is 1. */
function checkFraction(spec: OptimizerSpec, name: string, value: number): void {
  const rounded = Math.fround(value);
  if (!(rounded >= 0 && rounded < 1)) refuse(spec, name, 'at least 0 and below 1', value);
}

function checkAboveZero(spec: OptimizerSpec, name: string, value: number): void {
  const rounded = Math.fround(value);
  if (!(rounded > 0 && rounded < Infinity)) refuse(spec, name, 'above 0', value);
}

function refuse(spec: OptimizerSpec, name: string, wanted: string, value: number): never {
  throw new LockstepError(
    'recipe-invalid',
    `The recipe's ${spec.kind} optimizer has ${name} ${value}; it must be a float32 number ${wanted}.`,
  );
}
