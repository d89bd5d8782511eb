import assert from 'node:assert/strict';
import test from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { LockstepError } from '../errors.ts';
import { checkRecipe } from './recipe-rules.ts';

const loss = (): never => assert.fail('rules never run a loss');

/** A recipe that keeps every rule and uses every optional field. */
function good(): Record<string, unknown> {
  return {
    name: 'my-recipe',
    batchSize: 64,
    epochs: 0.5,
    real: { shape: [28, 28, 1], range: [0, 1] },
    data: { image: { shape: [784], range: [0, 1] }, label: { shape: [], dtype: 'int32', classes: 10 } },
    inputs: { z: { shape: [10], distribution: 'uniform' } },
    networks: { g: loss, d: loss },
    phases: [
      { name: 'critic', updates: 'd', repeat: 5, inputs: ['real', 'z', 'label'], loss },
      { name: 'maker', updates: 'g', inputs: ['z'], loss },
    ],
    optimizers: {
      g: { kind: 'adam', learningRate: 1e-4, beta1: 0, beta2: 0.9, epsilon: 1e-8, clipNorm: 1 },
      d: { kind: 'sgd', learningRate: 0.1, momentum: 0.9, clipNorm: 5 },
    },
    generate: loss,
  };
}

/** A copy of `good()` with the value at a path exchanged; `undefined` removes it. */
function changed(path: readonly (string | number)[], value: unknown): unknown {
  const recipe = good();
  let inside = recipe as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) inside = inside[key] as Record<string | number, unknown>;
  const last = path.at(-1)!;
  if (value === undefined) delete inside[last];
  else inside[last] = value;
  return recipe;
}

function refusal(value: unknown): string {
  try {
    checkRecipe(value, 'Recipe x.mjs');
  } catch (error) {
    assert.ok(error instanceof LockstepError, String(error));
    assert.equal(error.code, 'recipe-invalid');
    return error.message;
  }
  return assert.fail('it was accepted');
}

test('a recipe that keeps the rules is returned as it is', () => {
  const recipe = good();
  assert.equal(checkRecipe(recipe, 'x'), recipe);
});

const cases: readonly [path: (string | number)[], value: unknown, says: RegExp][] = [
  [['name'], undefined, /name is missing\.$/],
  [['name'], '../escape', /name must be 1 to 64 letters/],
  [['batchSize'], 1.5, /batchSize must be a whole number, not '1\.5'/],
  [['batchSize'], 0, /batchSize cannot be '0': expected number to be >=1/],
  [['epochs'], Infinity, /epochs cannot be 'Infinity'/],
  [['epochs'], '3', /epochs cannot be '3': expected number, received string/],
  [['real', 'range'], [1, 1], /real\.range must be two different numbers/],
  [['real', 'range'], [0], /real\.range /],
  [['real', 'shape', 0], -1, /real\.shape\[0\] cannot be '-1'/],
  [['inputs', 'z', 'distribution'], 'gaussian', /inputs\.z\.distribution cannot be 'gaussian': .*normal/],
  [['inputs', 'tf'], { shape: [1], distribution: 'normal' }, /inputs\.tf has a name that means something else/],
  [['networks', 'a/b'], loss, /networks\.a\/b has a bad name/],
  [['networks', 'g'], 'dense', /networks\.g must be a function/],
  [['networks'], {}, /networks must name 1 to 32/],
  [['phases'], [], /phases cannot be this list/],
  [['phases', 0, 'updates'], 'x', /phases\[0\]\.updates names no network: 'x' \(networks are g, d\)/],
  [['phases', 0, 'updates'], ['g', 'x'], /phases\[0\]\.updates\[1\] names no network: 'x' \(networks are g, d\)/],
  [['phases', 0, 'updates'], ['g', 'g'], /phases\[0\]\.updates\[1\] names 'g' twice/],
  [['phases', 0, 'updates'], [], /phases\[0\]\.updates must be the name of a network, or a list of names/],
  [['phases', 0, 'updates'], undefined, /phases\[0\]\.updates /],
  [['phases', 1, 'name'], 'critic', /phases\[1\]\.name 'critic' is used twice/],
  [['phases', 0, 'inputs', 1], 'y', /phases\[0\]\.inputs\[1\] names no input: 'y' \(inputs are real, image, label, step, z\)/],
  [['phases', 0, 'inputs', 1], 'real', /phases\[0\]\.inputs\[1\] names 'real' twice/],
  [['phases', 1, 'inputs'], [], /phases\[1\]\.inputs must name at least one/],
  [['phases', 1, 'inputs'], ['step'], /phases\[1\]\.inputs must name at least one input with samples/],
  [['inputs', 'step'], { shape: [1], distribution: 'normal' }, /inputs\.step has a name that means something else/],
  [['phases', 0, 'repeat'], 0, /phases\[0\]\.repeat cannot be '0'/],
  [['phases', 0, 'repeats'], 2, /phases\[0\] has a field that recipes do not have: 'repeats'/],
  [['gridRows'], 65, /gridRows cannot be '65'/],
  [['phases', 0, 'loss'], undefined, /phases\[0\]\.loss must be a function/],
  [['optimizers', 'g'], undefined, /optimizers\.g is missing: every network needs one/],
  [['optimizers', 'h'], { kind: 'sgd', learningRate: 1 }, /optimizers\.h belongs to no network/],
  [['optimizers', 'g', 'kind'], 'lion', /optimizers\.g\.kind cannot be 'lion': .*adam.*sgd/],
  [['optimizers', 'g', 'learningRate'], 0, /optimizers\.g\.learningRate must be a float32 number above 0, not '0'/],
  [['optimizers', 'g', 'learningRate'], NaN, /optimizers\.g\.learningRate cannot be 'NaN'/],
  [['optimizers', 'g', 'learningRate'], 1e39, /optimizers\.g\.learningRate must be a float32 number above 0, not '1e\+39'/],
  [['optimizers', 'g', 'clipNorm'], -1, /optimizers\.g\.clipNorm must be .* above 0, not '-1'/],
  [['spectralNormalization'], ['x'], /spectralNormalization names no network: 'x' \(networks are g, d\)/],
  [['optimizers', 'g', 'average'], { decay: 1 }, /optimizers\.g\.average\.decay must be a float32 number at least 0 and below 1, not '1'/],
  [['optimizers', 'g', 'beta1'], 1, /optimizers\.g\.beta1 must be a float32 number at least 0 and below 1, not '1'/],
  [['optimizers', 'g', 'beta2'], 0.99999999999, /optimizers\.g\.beta2 must be .*, not '0\.99999999999'/],
  [['optimizers', 'g', 'epsilon'], 1e-60, /optimizers\.g\.epsilon must be .* above 0, not '1e-60'/],
  [['optimizers', 'g', 'clipValue'], 0, /optimizers\.g\.clipValue must be .* above 0, not '0'/],
  [['optimizers', 'g', 'schedule'], 'cosine', /optimizers\.g\.schedule cannot be 'cosine': /],
  [['optimizers', 'g', 'schedule'], { kind: 'exponential' }, /optimizers\.g\.schedule\.kind cannot be 'exponential': .*cosine/],
  [['optimizers', 'g', 'schedule'], { kind: 'cosine' }, /optimizers\.g\.schedule\.steps is missing/],
  [['optimizers', 'g', 'schedule'], { kind: 'linear', steps: 5, to: 2 }, /schedule\.to must be .* from 0 to 1, not '2'/],
  [['optimizers', 'g', 'schedule'], { kind: 'linear', steps: 5, warmupSteps: 5 }, /schedule\.steps must be more than warmupSteps/],
  [['optimizers', 'g', 'schedule'], { kind: 'step', every: 0.5, factor: 0.5 }, /schedule\.every must be a whole number/],
  [['optimizers', 'g', 'schedule'], { kind: 'constant', steps: 5 }, /schedule has a field that recipes do not have: 'steps'/],
  [['optimizers', 'd'], { kind: 'adamw', learningRate: 1, weightDecay: -1 }, /optimizers\.d\.weightDecay must be .* at least 0, not '-1'/],
  [['optimizers', 'd'], { kind: 'rmsprop', learningRate: 1, decay: 1 }, /optimizers\.d\.decay must be .* below 1, not '1'/],
  [['optimizers', 'd'], { kind: 'sgd', learningRate: 1, clipNorm: 1, clipValue: 1 }, /d\.clipValue cannot stand beside clipNorm/],
  [['optimizers', 'd', 'momentum'], -0.1, /optimizers\.d\.momentum must be .*, not '-0\.1'/],
  [['optimizers', 'd', 'beta1'], 0.5, /optimizers\.d has a field that recipes do not have: 'beta1'/],
  [['optimizers', 'd', 'momentum'], NaN, /optimizers\.d\.momentum cannot be 'NaN'/],
  [['generate'], 1, /generate must be a function/],
  [['data', 'image'], { shape: [784] }, /data\.image must have a range \(for bytes\) or a dtype \(for numbers\)/],
  [['data', 'image', 'dtype'], 'int32', /data\.image must have a range .* or a dtype/],
  [['data', 'image', 'classes'], 10, /data\.image has classes, which only dtype int32 can have/],
  [['data', 'label', 'dtype'], 'int64', /data\.label\.dtype cannot be 'int64': .*int32.*float32/],
  [['data', 'label', 'classes'], 0, /data\.label\.classes cannot be '0'/],
  [['data', 'label', 'classed'], 10, /data\.label has a field that recipes do not have: 'classed'/],
  [['data', 'z'], { shape: [], dtype: 'int32' }, /data\.z has a name that means something else in a loss/],
  [['data', 'real'], { shape: [], dtype: 'int32' }, /data\.real has a name that means something else in a loss/],
  [['extra'], 1, /the default export has a field that recipes do not have: 'extra'/],
];

for (const [path, value, says] of cases) {
  test(`refuses ${path.join('.')} = ${inspect(value)}`, () => {
    const sentence = refusal(changed(path, value));
    assert.match(sentence, /^Recipe x\.mjs: /);
    assert.match(sentence, says);
  });
}

test('real, data and generate may be left out, and pictures need a field that says what they look like', () => {
  const { real: _, data: __, generate: ___, ...rest } = good();
  const label = { label: { shape: [], dtype: 'int32' } };
  const phases = [{ name: 'only', updates: 'd', inputs: ['label'], loss }];
  checkRecipe({ ...rest, phases, data: label }, 'x');
  assert.match(refusal({ ...rest, phases, data: label, generate: loss }), /generate needs real, or a field of data with a range/);
  checkRecipe({ ...rest, phases, data: { ...label, image: { shape: [4], range: [0, 1] } }, generate: loss }, 'x');
});

test('a network named like a built-in property of objects still needs its optimizer', () => {
  assert.match(refusal(changed(['networks', 'toString'], loss)), /optimizers\.toString is missing/);
});

test('any other value is refused with one bounded sentence, never with a crash', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      assert.ok(refusal(value).length < 1000);
    }),
  );
});

test('any value in place of any field is accepted or refused with a sentence', () => {
  const paths = cases.map(([path]) => path);
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.anything(), (path, value) => {
      try {
        checkRecipe(changed(path, value), 'x');
      } catch (error) {
        assert.ok(error instanceof LockstepError, String(error));
        assert.ok(error.message.length < 1000, error.message);
      }
    }),
  );
});
