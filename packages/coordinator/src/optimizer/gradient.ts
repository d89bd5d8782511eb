/**
 * What happens to a summed gradient before the optimizer sees it: is it finite, how long is it, is it to be shortened.
 * Pure functions of one flat of shape [n]. Not responsible for: summing (`reduce.ts`), or what to do about a gradient that is not finite.
 */

/** Whether every element is a finite number. */
export function isFiniteFlat(flat: Float32Array): boolean {
  for (let index = 0; index < flat.length; index += 1) {
    if (!Number.isFinite(flat[index]!)) return false;
  }
  return true;
}

/** Sum of squares, each exact in float64, added in float64 in index order: no float32 flat can overflow it. */
export function squaredNorm(flat: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < flat.length; index += 1) sum += flat[index]! * flat[index]!;
  return sum;
}

/**
 * Clips a gradient by its global L2 norm (Pascanu, Mikolov, Bengio, ICML 2013), in place: if `norm` is above `limit`, multiplies every
 * element by f(limit / norm), each product rounded to float32. `norm` is sqrt(squaredNorm(flat)), which the caller has already.
 * Returns whether it clipped. The clipped norm equals `limit` up to rounding.
 */
export function clipToNorm(flat: Float32Array, norm: number, limit: number): boolean {
  if (!(norm > limit)) return false;
  const scale = Math.fround(limit / norm);
  for (let index = 0; index < flat.length; index += 1) flat[index] = flat[index]! * scale;
  return true;
}
