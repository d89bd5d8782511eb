/** Updates of resident flats: the bits of the plain loops, and nothing else touched. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { blockLength } from './module.ts';
import { createResidentFlats, type Update } from './resident.ts';
import { anyFloat, anyLength, bitsOf, finiteFloat, flatsOf } from './testing/bits.ts';
import {
  type AdamConstants,
  adamReference,
  clipReference,
  descendReference,
  descendWithMomentumReference,
  type RmspropConstants,
  rmspropReference,
} from './testing/reference.ts';

const names = ['weights', 'first', 'second'] as const;
type Addresses = Readonly<Record<(typeof names)[number], number>>;

interface Case {
  readonly update: (at: Addresses, scale: number) => Update;
  readonly reference: (flats: Readonly<Record<(typeof names)[number], Float32Array>>, gradient: Float32Array, scale: number) => void;
}

const rate = Math.fround(-0.01);
const momentum = Math.fround(0.9);
const f = Math.fround;
const adam: AdamConstants = {
  b1: f(0.9),
  b2: f(0.999),
  c1: f(0.1),
  c2: f(0.001),
  r1: f(0.19),
  r2: f(0.002),
  e: f(1e-7),
  negativeRate: rate,
  keep: f(0.999),
};
const rmsprop: RmspropConstants = { decay: f(0.9), c: f(0.1), e: f(1e-7), momentum, rate: -rate };

const cases: Readonly<Record<string, Case>> = {
  descend: {
    update: (at, scale) => (kernels, offset, gradient, count) => kernels.descend(at.weights + offset, gradient, count, scale, rate),
    reference: ({ weights }, gradient, scale) => descendReference(weights, gradient, scale, rate),
  },
  descendWithMomentum: {
    update: (at, scale) => (kernels, offset, gradient, count) =>
      kernels.descendWithMomentum(at.weights + offset, gradient, at.first + offset, count, scale, momentum, rate),
    reference: ({ weights, first }, gradient, scale) => descendWithMomentumReference(weights, gradient, first, scale, momentum, rate),
  },
  adam: {
    update: (at, scale) => (kernels, offset, gradient, count) => {
      const { b1, b2, c1, c2, r1, r2, e, negativeRate, keep } = adam;
      kernels.adam(
        at.weights + offset,
        gradient,
        at.first + offset,
        at.second + offset,
        count,
        scale,
        b1,
        b2,
        c1,
        c2,
        r1,
        r2,
        e,
        negativeRate,
        keep,
      );
    },
    reference: ({ weights, first, second }, gradient, scale) => adamReference(weights, gradient, first, second, scale, adam),
  },
  rmsprop: {
    update: (at, scale) => (kernels, offset, gradient, count) =>
      kernels.rmsprop(at.weights + offset, gradient, at.second + offset, count, scale, rmsprop.decay, rmsprop.c, rmsprop.e, rmsprop.rate),
    reference: ({ weights, second }, gradient, scale) => rmspropReference(weights, gradient, second, undefined, scale, rmsprop),
  },
  rmspropWithMomentum: {
    update: (at, scale) => (kernels, offset, gradient, count) => {
      const { decay, c, e, rate } = rmsprop;
      const [weights, v, velocity] = [at.weights + offset, at.second + offset, at.first + offset];
      kernels.rmspropWithMomentum(weights, gradient, v, velocity, count, scale, decay, c, e, momentum, rate);
    },
    reference: ({ weights, first, second }, gradient, scale) => rmspropReference(weights, gradient, second, first, scale, rmsprop),
  },
};

const scales = fc.oneof(fc.constant(1), fc.float({ min: 0, max: 1, noNaN: true }));
const someValues = fc.array(fc.oneof({ weight: 9, arbitrary: finiteFloat }, { weight: 1, arbitrary: anyFloat }), {
  minLength: 1,
  maxLength: 97,
});

for (const [name, { update, reference }] of Object.entries(cases)) {
  test(`${name} has the bits of the plain loop, update after update`, () => {
    const property = fc.property(someValues, anyLength, scales, fc.integer({ min: 0, max: 9 }), (values, length, scale, offset) => {
      const [weights, first, second, ...gradients] = flatsOf(values, length, 5, offset) as [
        Float32Array,
        Float32Array,
        Float32Array,
        ...Float32Array[],
      ];
      // What Adam's v is: never negative.
      const state = { weights, first, second: second.map(Math.abs) };
      const resident = createResidentFlats(length, names);
      for (const each of names) resident.flats[each].set(state[each]);
      for (const gradient of gradients) {
        const before = bitsOf(gradient);
        resident.update(gradient, update(resident.addresses, scale));
        reference(state, gradient, scale);
        assert.deepEqual(bitsOf(gradient), before);
        for (const each of names) assert.deepEqual(bitsOf(resident.flats[each]), bitsOf(state[each]), each);
      }
    });
    fc.assert(property, { numRuns: 200 });
  });
}

test('a limit clips each element of the gradient on its way, and leaves the gradient as it is', () => {
  const limits = fc.float({ min: Math.fround(0.01), max: 10, noNaN: true });
  const property = fc.property(fc.array(finiteFloat, { minLength: 1, maxLength: 97 }), anyLength, limits, (values, length, limit) => {
    const [weights, gradient] = flatsOf(values, length, 2, 0) as [Float32Array, Float32Array];
    const resident = createResidentFlats(length, ['weights']);
    resident.flats.weights.set(weights);
    const before = bitsOf(gradient);
    const descend: Update = (kernels, offset, g, count) => kernels.descend(resident.addresses.weights + offset, g, count, 1, rate);
    resident.update(gradient, descend, limit);
    assert.deepEqual(bitsOf(gradient), before);
    const clipped = gradient.slice();
    clipReference(clipped, limit);
    descendReference(weights, clipped, 1, rate);
    assert.deepEqual(bitsOf(resident.flats.weights), bitsOf(weights));
  });
  fc.assert(property, { numRuns: 200 });
});

test('flats begin as zeros, do not overlap, are where their addresses say, and their padding stays zero', () => {
  for (const length of [0, 1, 7, 8, 9, blockLength + 1]) {
    const resident = createResidentFlats(length, names);
    const { buffer } = resident.flats.weights;
    names.forEach((name, index) => {
      const flat = resident.flats[name];
      assert.ok(
        flat.buffer === buffer && flat.length === length && flat.byteOffset === resident.addresses[name] && flat.byteOffset % 16 === 0,
      );
      assert.ok(flat.every((value) => value === 0));
      flat.fill(index + 1);
    });
    names.forEach((name, index) => assert.ok(resident.flats[name].every((value) => value === index + 1)));
    for (let round = 0; round < 3; round += 1)
      resident.update(new Float32Array(length).fill(2), cases['adam']!.update(resident.addresses, 1));
    for (const name of names) {
      const end = resident.flats[name].byteOffset + length * 4;
      const padding = new Float32Array(buffer, end, Math.ceil(length / 8) * 8 - length);
      assert.ok(
        padding.every((value) => value === 0),
        `${name} of ${length}`,
      );
    }
  }
});

test('a gradient of another length is a mistake, and updates nothing', () => {
  const resident = createResidentFlats(9, names);
  const never: Update = () => assert.fail('it was updated');
  for (const length of [0, 8, 10]) assert.throws(() => resident.update(new Float32Array(length), never), /cannot update 9 weights/);
});
