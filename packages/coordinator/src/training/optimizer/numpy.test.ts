/** Optimizers, clipping and schedules against NumPy in float64: test/fixtures/optimizers.py wrote what they must give. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { atOnce, type OptimizerSpec, type Recipe, type Schedule } from '@lockstep/shared';
import { applyGradients, createModel } from '../model.ts';
import { scheduleFactor } from './schedule.ts';

interface Fixture {
  readonly initial: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly optimizers: readonly { readonly spec: OptimizerSpec; readonly weights: readonly number[] }[];
  readonly schedules: readonly { readonly schedule: Schedule; readonly factors: readonly (readonly [step: number, factor: number])[] }[];
}
const file = new URL('../../../../../test/fixtures/optimizers.json', import.meta.url);
const { initial, gradients, optimizers, schedules } = JSON.parse(readFileSync(file, 'utf8')) as Fixture;

/** Through the model, which clips by norm. */
function train(spec: OptimizerSpec): Float32Array {
  const recipe = { networks: { only: () => undefined }, optimizers: { only: spec } } as unknown as Recipe;
  const { length } = initial;
  const parameters = [{ name: 'w', shape: [length], offset: 0, initializer: { kind: 'constant', value: 0 } }] as const;
  const network = atOnce(createModel(recipe, { only: { parameters, length, topology: {} } }, 1, undefined)).get('only')!;
  network.weights.set(initial);
  gradients.forEach((gradient, step) => assert.ok(atOnce(applyGradients([network], recipe, Float32Array.from(gradient), { step }))));
  return network.weights;
}

for (const { spec, weights } of optimizers) {
  test(`${JSON.stringify(spec)}: as NumPy computes it, after ${gradients.length} updates`, () => {
    const found = train(spec);
    const moved = Math.max(...weights.map((weight, index) => Math.abs(weight - initial[index]!)));
    weights.forEach((weight, index) => {
      const difference = Math.abs(found[index]! - weight);
      assert.ok(difference < 2e-5 * moved, `element ${index}: ${found[index]}, NumPy ${weight}`);
    });
  });
}

for (const { schedule, factors } of schedules) {
  test(`${JSON.stringify(schedule)}: as NumPy computes it`, () => {
    for (const [step, factor] of factors) {
      const found = scheduleFactor(schedule, step);
      assert.ok(Math.abs(found - factor) < 1e-15, `after ${step} steps: ${found}, NumPy ${factor}`);
      assert.ok(found >= 0 && found <= 1);
    }
  });
}

test('a cosine has the bits that it has everywhere', () => {
  const schedule = { kind: 'cosine', steps: 7 } as const;
  const factors = Array.from({ length: 8 }, (_, step) => scheduleFactor(schedule, step));
  assert.deepEqual(
    factors,
    [1, 0.9504844339512095, 0.8117449009293667, 0.6112604669781573, 0.38873953302184283, 0.18825509907063326, 0.04951556604879048, 0],
  );
});
