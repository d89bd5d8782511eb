import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sumInto } from './sum.ts';

/** A finite float32 as a whole number of 2^-149, the smallest denormal: exact. */
function toUnits(value: number): bigint {
  const [bits] = new Uint32Array(Float32Array.of(value).buffer);
  const exponent = (bits! >>> 23) & 0xff;
  const fraction = BigInt(bits! & 0x7fffff);
  const magnitude = exponent === 0 ? fraction : (fraction | 0x800000n) << BigInt(exponent - 1);
  return bits! >>> 31 === 1 ? -magnitude : magnitude;
}

/** The float32 nearest to a whole number of 2^-149, ties to even: rounding as IEEE 754 defines it, without floating point. */
function fromUnits(units: bigint): number {
  const magnitude = units < 0n ? -units : units;
  const shift = BigInt(Math.max(0, magnitude.toString(2).length - 24));
  const kept = magnitude >> shift;
  const rest = magnitude - (kept << shift);
  const half = shift === 0n ? 1n : 1n << (shift - 1n);
  const up = rest > half || (rest === half && kept % 2n === 1n) ? 1n : 0n;
  const rounded = (kept + up) << shift;
  if (rounded >= 1n << 277n) return units < 0n ? -Infinity : Infinity;
  return (units < 0n ? -1 : 1) * Number(rounded) * 2 ** -149;
}

const floats = fc.float({ noNaN: true, noDefaultInfinity: true });
const denormals = fc.integer({ min: -0xffffff, max: 0xffffff }).map((units) => units * 2 ** -149);
const huge = fc.float({ min: Math.fround(1e38), noNaN: true, noDefaultInfinity: true });
const values = fc.oneof(
  floats,
  denormals,
  huge,
  huge.map((value) => -value),
);

test('an element is the IEEE 754 float32 sum, denormals and overflow included', () => {
  const property = fc.property(values, values, (left, right) => {
    const target = Float32Array.of(left);
    sumInto(target, target, Float32Array.of(right));
    assert.equal(target[0]! + 0, fromUnits(toUnits(left) + toUnits(right)) + 0);
  });
  fc.assert(property, { numRuns: 5000 });
});

test('denormals are not flushed to zero', () => {
  const target = Float32Array.of(2 ** -149, 2 ** -130);
  sumInto(target, target, Float32Array.of(2 ** -149, 2 ** -140));
  assert.deepEqual([...target], [2 ** -148, 2 ** -130 + 2 ** -140]);
});

test('every element is added, the source stays as it is, lengths must agree', () => {
  const target = Float32Array.of(1, 2, 3, 4, 5);
  const source = Float32Array.of(10, 20, 30, 40, 50);
  sumInto(target, target, source);
  assert.deepEqual([...target], [11, 22, 33, 44, 55]);
  assert.deepEqual([...source], [10, 20, 30, 40, 50]);
  assert.throws(() => sumInto(target, target, new Float32Array(4)), /4 elements cannot be added to 5/);
  assert.throws(() => sumInto(target, source, target), /would change/);
});
