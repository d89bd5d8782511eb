/** What a commit does to a network: check, clip, update, and a copy to send that is never written again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  answerLength,
  atOnce,
  inputRows,
  type Manifest,
  type Manifests,
  type OptimizerSpec,
  partLength,
  type Recipe,
  streams,
} from '@lockstep/shared';
import * as model from './model.ts';
import type { Network } from './model.ts';

/** Without pauses. */
const createModel = (...args: Parameters<typeof model.createModel>) => atOnce(model.createModel(...args));
const applyGradients = (...args: Parameters<typeof model.applyGradients>) => atOnce(model.applyGradients(...args));
const snapshotWeights = (network: Network) => atOnce(model.snapshotWeights(network));
const saveModel = (...args: Parameters<typeof model.saveModel>) => atOnce(model.saveModel(...args));

/** More than one block of the kernels, and not a whole number of lanes. */
const length = 8192 + 13;
const parameter = { name: 'only/kernel', shape: [length], offset: 0, initializer: { kind: 'normal', mean: 0, deviation: 1 } } as const;
const manifests: Manifests = { only: { parameters: [parameter], length, topology: {} } };
const normals = (round: number): Float32Array => inputRows({ shape: [length], distribution: 'normal' }, 5, streams.inputs, round, 0, 1);
const bitsOf = (flat: Float32Array): Uint32Array => new Uint32Array(flat.slice().buffer);

/** All of a recipe that a model reads. */
function recipeWith(optimizer: OptimizerSpec): Recipe {
  return { networks: { only: () => undefined }, optimizers: { only: optimizer } } as unknown as Recipe;
}

function networkWith(recipe: Recipe, saved?: Parameters<typeof createModel>[4]): Network {
  return createModel(recipe, manifests, 1, undefined, saved).get('only')!;
}

/** Completed steps: without a schedule, they do not matter. */
const step = 0;
const sgd = recipeWith({ kind: 'sgd', learningRate: 0.5 });

for (const bad of [Number.NaN, Infinity, -Infinity]) {
  test(`a gradient with one ${bad} anywhere changes nothing`, () => {
    const network = networkWith(recipeWith({ kind: 'adam', learningRate: 1e-3 }));
    applyGradients([network], sgd, normals(1), { step });
    const before = structuredClone({ weights: network.weights.slice(), state: network.optimizer.state() });
    for (const at of [0, 7, 8191, 8192, length - 1]) {
      const gradient = normals(2);
      gradient[at] = bad;
      assert.equal(applyGradients([network], sgd, gradient, { step }), undefined);
    }
    assert.deepEqual({ weights: network.weights.slice(), state: network.optimizer.state() }, before);
  });
}

test('the largest finite gradients are applied', () => {
  const network = networkWith(sgd);
  const [applied] = applyGradients([network], sgd, new Float32Array(length).fill(3.4028234663852886e38), { step })!;
  assert.ok(Math.abs(applied!.gradientNorm / (3.4028234663852886e38 * Math.sqrt(length)) - 1) < 1e-12);
});

test('a gradient longer than the limit is clipped, any other is applied as it is; the norm reported is the one before clipping', () => {
  const gradient = normals(1);
  const norm = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
  for (const clipNorm of [norm / 7, norm * 7]) {
    const recipe = recipeWith({ kind: 'sgd', learningRate: 0.5, clipNorm });
    const network = networkWith(recipe);
    const before = network.weights.slice();
    const [applied] = applyGradients([network], recipe, gradient, { step })!;
    assert.ok(Math.abs(applied!.gradientNorm / norm - 1) < 1e-12);
    const scale = clipNorm < norm ? Math.fround(clipNorm / applied!.gradientNorm) : 1;
    const expected = before.map((weight, index) => weight + Math.fround(-0.5 * Math.fround(gradient[index]! * scale)));
    assert.deepEqual(bitsOf(network.weights), bitsOf(expected));
    assert.deepEqual(gradient, normals(1));
  }
});

test('a snapshot is shared until the next commit, and never changed', () => {
  const network = networkWith(sgd);
  const first = snapshotWeights(network);
  const bits = bitsOf(first);
  assert.equal(snapshotWeights(network), first);
  assert.notEqual(first.buffer, network.weights.buffer);
  applyGradients([network], sgd, normals(1), { step });
  assert.deepEqual(bitsOf(first), bits);
  const second = snapshotWeights(network);
  assert.notDeepEqual(bitsOf(second), bits);
  assert.deepEqual(bitsOf(second), bitsOf(network.weights));
});

test('a model continues from what was saved, bit for bit', () => {
  const recipe = recipeWith({ kind: 'adam', learningRate: 1e-3 });
  const straight = createModel(recipe, manifests, 1, undefined);
  for (let round = 1; round <= 3; round += 1) applyGradients([straight.get('only')!], recipe, normals(round), { step });
  const resumed = createModel(recipe, manifests, 1, undefined, saveModel(straight));
  for (const model of [straight, resumed]) applyGradients([model.get('only')!], recipe, normals(4), { step });
  assert.deepEqual(saveModel(resumed), saveModel(straight));
});

test('a flat of several networks updates each as alone, by its own optimizer and limit; one that is not finite changes none', () => {
  const short = { parameters: [{ ...parameter, shape: [5] }], length: 5, topology: {} };
  const optimizers: Record<string, OptimizerSpec> = {
    first: { kind: 'sgd', learningRate: 0.5 },
    only: { kind: 'adam', learningRate: 1e-3, clipNorm: 0.01 },
  };
  const recipe = { networks: { first: () => undefined, only: () => undefined }, optimizers } as unknown as Recipe;
  const create = (): Network[] => [...createModel(recipe, { first: short, only: manifests['only']! }, 1, undefined).values()];
  const [together, alone] = [create(), create()];
  for (let round = 1; round <= 3; round += 1) {
    const gradients = [normals(round).subarray(0, 5), normals(round + 10)];
    const flat = Float32Array.of(...gradients[0]!, ...gradients[1]!);
    const figures = applyGradients(together, recipe, flat, { step, isMeasured: true });
    assert.deepEqual(
      figures,
      alone.map((network, index) => applyGradients([network], recipe, gradients[index]!, { step, isMeasured: true })![0]),
    );
    assert.deepEqual(
      together.map(({ weights }) => bitsOf(weights)),
      alone.map(({ weights }) => bitsOf(weights)),
    );
    for (const at of [2, 5 + 8192]) assert.equal(applyGradients(together, recipe, flat.with(at, NaN), { step }), undefined);
  }
});

test('what was saved stays as it was while training goes on, but for a model that is not trained any more', () => {
  const recipe = recipeWith({ kind: 'adam', learningRate: 1e-3 });
  const trained = createModel(recipe, manifests, 1, undefined);
  const [copies, before] = [saveModel(trained), structuredClone(saveModel(trained))];
  const [final] = saveModel(trained, true);
  applyGradients([trained.get('only')!], recipe, normals(1), { step });
  assert.deepEqual(copies, before);
  assert.equal(final!.weights, trained.get('only')!.weights);
});

test('long flats are worked on in parts, with the bits of the plain loops, and others get their turn between them', () => {
  const long = partLength * 2 + 13;
  const wide: Manifests = { only: { parameters: [{ ...parameter, shape: [long] }], length: long, topology: {} } };
  const turnsOf = <T>(work: Generator<undefined, T, undefined>): { turns: number; value: T } => {
    for (let turns = 0; ; turns += 1) {
      const { done, value } = work.next();
      if (done === true) return { turns, value };
    }
  };
  const created = turnsOf(model.createModel(sgd, wide, 1, undefined));
  assert.equal(created.turns, 2);
  const network = created.value.get('only')!;
  const before = network.weights.slice();
  const gradient = inputRows({ shape: [long], distribution: 'normal' }, 5, streams.inputs, 1, 0, 1);
  const { turns, value } = turnsOf(model.applyGradients([network], sgd, gradient, { step, isMeasured: true }));
  // Of the norm, and of the update.
  assert.equal(turns, 4);
  assert.deepEqual(bitsOf(network.weights), bitsOf(before.map((weight, index) => weight + Math.fround(-0.5 * gradient[index]!))));
  const squares = before.reduce((sum, weight, index) => sum + (network.weights[index]! - weight) ** 2, 0);
  assert.equal(value![0]!.updateNorm, Math.sqrt(squares));
  const saved = turnsOf(model.saveModel(created.value));
  assert.equal(saved.turns, 2);
  assert.deepEqual(bitsOf(saved.value[0]!.weights), bitsOf(network.weights));
});

test('moments behind the gradients move the state of each network, and one that is not finite changes nothing', () => {
  const constant = (value: number) => ({ kind: 'constant', value }) as const;
  const stateOf = (name: string, momentum: number): Manifest['state'] => ({
    parameters: [{ name, shape: [2], offset: 0, initializer: constant(1), momentum }],
    length: 2,
  });
  const small = { parameters: [{ ...parameter, shape: [3] }], length: 3, topology: {} };
  const both: Manifests = { a: { ...small, state: stateOf('a', 0.5)! }, b: small, c: { ...small, state: stateOf('c', 0)! } };
  const recipe = {
    networks: { a: () => undefined, b: () => undefined, c: () => undefined },
    optimizers: { a: sgd.optimizers['only'], b: sgd.optimizers['only'], c: sgd.optimizers['only'] },
  } as unknown as Recipe;
  const moved = createModel(recipe, both, 1, undefined);
  const networks = ['a', 'b', 'c'].map((name) => moved.get(name)!);
  const answer = Float32Array.from(
    [
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
      [3, 5],
      [-1, -2],
    ].flat(),
  );
  assert.equal(answer.length, answerLength(Object.values(both)));
  const before = structuredClone(saveModel(moved));
  for (const at of [10, 12]) assert.equal(applyGradients(networks, recipe, answer.with(at, NaN), { step }), undefined);
  assert.deepEqual(saveModel(moved), before);
  const figures = applyGradients(networks, recipe, answer, { step })!;
  assert.deepEqual(
    figures.map(({ gradientNorm }) => gradientNorm ** 2).map(Math.round),
    [14, 77, 194],
    'norms are those of the gradients alone',
  );
  assert.deepEqual(
    networks.map(({ state }) => state && [...state]),
    [[2, 3], undefined, [-1, -2]],
  );
  const resumed = createModel(recipe, both, 1, undefined, saveModel(moved));
  assert.deepEqual(saveModel(resumed), saveModel(moved));
});
