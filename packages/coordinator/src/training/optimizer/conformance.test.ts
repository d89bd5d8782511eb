/** What every optimizer must do. A new kind is added to `specs`, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OptimizerSpec } from '@lockstep/shared';
import { inputRows, LockstepError, partLength, streams } from '@lockstep/shared';
import type { OptimizerState } from './optimizer.ts';
import { createOptimizer } from './update-rules.ts';

const specs: Readonly<Record<string, OptimizerSpec>> = {
  adam: { kind: 'adam', learningRate: 1e-3 },
  'adam, beta1 0.5': { kind: 'adam', learningRate: 2e-4, beta1: 0.5, epsilon: 1e-8 },
  'adam, no momentum': { kind: 'adam', learningRate: 1e-3, beta1: 0, beta2: 0.9 },
  adamw: { kind: 'adamw', learningRate: 1e-3 },
  'adamw, all given': { kind: 'adamw', learningRate: 1e-2, beta1: 0.8, beta2: 0.99, epsilon: 1e-6, weightDecay: 0.1 },
  rmsprop: { kind: 'rmsprop', learningRate: 1e-3 },
  'rmsprop, momentum': { kind: 'rmsprop', learningRate: 1e-3, decay: 0.99, momentum: 0.9, epsilon: 1e-5 },
  sgd: { kind: 'sgd', learningRate: 0.1 },
  'sgd, with an average': { kind: 'sgd', learningRate: 0.1, average: { decay: 0.9 } },
  'adam, with an average': { kind: 'adam', learningRate: 1e-3, average: { decay: 0.999 } },
  'sgd, momentum': { kind: 'sgd', learningRate: 0.1, momentum: 0.9 },
};

const length = 37;
const normals = (round: number): Float32Array => inputRows({ shape: [length], distribution: 'normal' }, 5, streams.inputs, round, 0, 1);
const bitsOf = (flat: Float32Array): Uint32Array => new Uint32Array(flat.slice().buffer);
const isResumeInvalid =
  (pattern: RegExp) =>
  (error: unknown): boolean =>
    error instanceof LockstepError && error.code === 'resume-invalid' && pattern.test(error.message);

for (const [name, spec] of Object.entries(specs)) {
  test(`${name}: saved and restored, it equals one that was never interrupted, bit for bit`, () => {
    for (const savedAfter of [0, 1, 13]) {
      const straight = createOptimizer(spec, normals(0));
      for (let step = 1; step <= savedAfter; step += 1) straight.apply(normals(step));
      const resumed = createOptimizer(spec, straight.weights);
      // Through JSON, as a checkpoint holds scalars.
      const { slots, scalars } = straight.state();
      resumed.restore({ slots, scalars: JSON.parse(JSON.stringify(scalars)) as Record<string, number> });
      for (let step = savedAfter + 1; step <= 30; step += 1) {
        straight.apply(normals(step));
        resumed.apply(normals(step));
      }
      assert.deepEqual(bitsOf(resumed.weights), bitsOf(straight.weights));
      assert.deepEqual(resumed.state(), straight.state());
    }
  });

  test(`${name}: goes against the gradient, leaves the gradient alone, and a zero gradient at the start changes nothing but by decay`, () => {
    const [optimizer, still] = [createOptimizer(spec, normals(0)), createOptimizer(spec, normals(0))];
    for (const each of [optimizer, still]) each.apply(new Float32Array(length));
    const keep = spec.kind === 'adamw' ? Math.fround(1 - spec.learningRate * (spec.weightDecay ?? 0.01)) : 1;
    assert.deepEqual(
      optimizer.weights,
      normals(0).map((weight) => weight * keep),
    );
    const gradient = normals(1);
    optimizer.apply(gradient);
    still.apply(new Float32Array(length));
    assert.deepEqual(gradient, normals(1));
    optimizer.weights.forEach((weight, index) => assert.equal(Math.sign(weight - still.weights[index]!), -Math.sign(gradient[index]!)));
  });

  test(`${name}: clipValue clips each element, and a schedule multiplies the rate of its step`, () => {
    const clipValue = 0.5;
    const schedule = { kind: 'step', every: 2, factor: 0.25 } as const;
    const given = createOptimizer({ ...spec, clipValue, schedule }, normals(0));
    const byHand = [1, 0.25].map((factor) => createOptimizer({ ...spec, learningRate: spec.learningRate * factor }, normals(0)));
    for (const [step, optimizer] of [byHand[0]!, byHand[0]!, byHand[1]!].entries()) {
      const clipped = normals(step + 1).map((value) => Math.max(-clipValue, Math.min(clipValue, value)));
      if (step === 2) {
        optimizer.weights.set(given.weights);
        optimizer.restore(given.state());
      }
      given.apply(normals(step + 1), { step });
      optimizer.apply(clipped);
      assert.deepEqual(bitsOf(given.weights), bitsOf(optimizer.weights), `step ${step}`);
    }
  });

  test(`${name}: an update in parts has the bits of one at once`, () => {
    const long = partLength * 2 + 13;
    const rows = (round: number): Float32Array => inputRows({ shape: [long], distribution: 'normal' }, 5, streams.inputs, round, 0, 1);
    const [parted, whole] = [createOptimizer(spec, rows(0)), createOptimizer(spec, rows(0))];
    for (const round of [1, 2]) {
      const gradient = rows(round);
      whole.apply(gradient, { scale: 0.5 });
      for (const start of [0, partLength, partLength * 2])
        parted.apply(gradient, { scale: 0.5, start, end: Math.min(long, start + partLength) });
    }
    assert.deepEqual(bitsOf(parted.weights), bitsOf(whole.weights));
    assert.deepEqual(parted.state(), whole.state());
  });

  test(`${name}: a scaled gradient is a gradient of products rounded to float32`, () => {
    const scale = Math.fround(0.3);
    const [scaled, multiplied] = [createOptimizer(spec, normals(0)), createOptimizer(spec, normals(0))];
    for (let step = 1; step <= 3; step += 1) {
      scaled.apply(normals(step), { scale });
      multiplied.apply(normals(step).map((value) => value * scale));
    }
    assert.deepEqual(bitsOf(scaled.weights), bitsOf(multiplied.weights));
    assert.deepEqual(scaled.state(), multiplied.state());
  });

  test(`${name}: weights are a copy of those it began with, and stay the same array`, () => {
    const initial = normals(0);
    const optimizer = createOptimizer(spec, initial);
    const { weights } = optimizer;
    for (let step = 1; step <= 100; step += 1) optimizer.apply(normals(step));
    assert.deepEqual(initial, normals(0));
    assert.equal(optimizer.weights, weights);
    assert.equal(weights.length, length);
    assert.notDeepEqual(weights, initial);
  });

  test(`${name}: state is as long as the weights, and float32`, () => {
    const optimizer = createOptimizer(spec, normals(0));
    optimizer.apply(normals(1));
    const saved = optimizer.state();
    for (const slot of Object.values(saved.slots)) {
      assert.equal(slot.length, length);
      assert.ok(slot.some((value) => value !== 0));
    }
    for (const scalar of Object.values(saved.scalars)) assert.equal(Math.fround(scalar), scalar);
  });

  test(`${name}: a state that is not its own is refused, and changes nothing`, () => {
    const optimizer = createOptimizer(spec, normals(0));
    optimizer.apply(normals(1));
    const own = structuredClone(optimizer.state());
    const strangers: [OptimizerState, RegExp][] = [
      [{ ...own, slots: { ...own.slots, other: new Float32Array(length) } }, /it holds the slots .*other/],
      [{ ...own, scalars: { ...own.scalars, other: 1 } }, /it holds the scalars .*other/],
    ];
    for (const slot of Object.keys(own.slots)) {
      strangers.push([{ ...own, slots: { ...own.slots, [slot]: new Float32Array(length + 1) } }, /has 38 elements, expected 37/]);
    }
    for (const scalar of Object.keys(own.scalars)) {
      strangers.push([{ ...own, scalars: { ...own.scalars, [scalar]: Number.NaN } }, /is NaN/]);
      strangers.push([{ ...own, scalars: { ...own.scalars, [scalar]: 0.1 } }, /not a float32/]);
    }
    for (const [state, pattern] of strangers) assert.throws(() => optimizer.restore(state), isResumeInvalid(pattern));
    assert.deepEqual(optimizer.state(), own);
  });

  test(`${name}: a gradient of another length is a mistake, and changes nothing`, () => {
    const optimizer = createOptimizer(spec, normals(0));
    const before = optimizer.state();
    for (const wrong of [0, 1, length - 1, length + 1])
      assert.throws(() => optimizer.apply(new Float32Array(wrong)), /cannot update 37 weights/);
    assert.deepEqual(optimizer.weights, normals(0));
    assert.deepEqual(optimizer.state(), before);
  });

  test(`${name}: --learning-rate replaces the recipe's`, () => {
    const overridden = createOptimizer(spec, normals(0), 0.03);
    const written = createOptimizer({ ...spec, learningRate: 0.03 }, normals(0));
    for (const optimizer of [overridden, written]) optimizer.apply(normals(1));
    assert.deepEqual(overridden.weights, written.weights);
    assert.notDeepEqual(overridden.weights, normals(0));
  });
}

test('adamw without decay has the bits of adam', () => {
  const settings = { learningRate: 1e-2, beta1: 0.5 };
  const [adam, adamw] = [
    createOptimizer({ kind: 'adam', ...settings }, normals(0)),
    createOptimizer({ kind: 'adamw', ...settings, weightDecay: 0 }, normals(0)),
  ];
  for (let step = 1; step <= 30; step += 1) for (const each of [adam, adamw]) each.apply(normals(step));
  assert.deepEqual(bitsOf(adamw.weights), bitsOf(adam.weights));
  assert.deepEqual(adamw.state(), adam.state());
});
