/**
 * The one kernel that adds flats: the only place where gradients meet, in workers (pre-summed subtrees) and in the coordinator.
 *
 * Responsible for: one element-wise float32 addition. Not responsible for: the order of additions (`tree.ts`, `reduce.ts`).
 *
 * Why not `tf.add`: TensorFlow sets flush-to-zero and denormals-are-zero on its threads, so its sums of tiny gradients differ from
 * IEEE 754; V8 and WebAssembly keep denormals. Only IEEE addition gives the same bits in every process.
 *
 * Why a float64 addition may be used: JavaScript adds in float64 and the store rounds to float32. Rounding twice is innocuous here
 * (Figueroa, "When is double rounding innocuous?", 1995): 53 >= 2 * 24 + 2 bits, so for +, -, *, / and square root the result equals a
 * single float32 operation in every bit, denormals and overflow included. A SIMD `f32x4.add` therefore gives equal bits. The payload
 * bits of a NaN alone are unspecified; totals that are not finite are never applied.
 */

/**
 * target[i] += source[i], each sum rounded once to float32. Both have shape [n]; writes `target` only. Passing one array twice doubles it.
 * Throws if the lengths differ.
 */
export function addInto(target: Float32Array, source: Float32Array): void {
  const length = target.length;
  if (source.length !== length) throw new Error(`addInto: ${source.length} elements cannot be added to ${length}`);
  for (let index = 0; index < length; index += 1) target[index] = target[index]! + source[index]!;
}
