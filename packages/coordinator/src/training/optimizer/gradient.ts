/**
 * How a summed gradient is shortened before the optimizer uses it. Not responsible for: summing (`reduce.ts`), its norm and whether it is
 * finite (`squaredNorm`), or the multiplication by the factor, which the optimizer's kernel does.
 */

/**
 * The factor that clips a gradient by its global L2 norm (Pascanu, Mikolov, Bengio, ICML 2013): f(limit / norm) above the limit, otherwise
 * 1, which changes no bit. The clipped norm equals `limit` up to rounding. No limit: 1.
 */
export function clipScale(norm: number, limit: number | undefined): number {
  return limit !== undefined && norm > limit ? Math.fround(limit / norm) : 1;
}
