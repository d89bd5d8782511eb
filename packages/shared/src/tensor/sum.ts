/**
 * The one function that adds flats: the only place where gradients meet, in workers (pre-summed subtrees) and in the coordinator.
 *
 * Responsible for: element-wise float32 addition. Not responsible for: the order of additions (`tree.ts`, `reduce.ts`).
 *
 * Why not `tf.add`: TensorFlow sets flush-to-zero and denormals-are-zero on its threads, so its sums of tiny gradients differ from
 * IEEE 754; V8 and WebAssembly keep denormals. Only IEEE addition gives the same bits in every process.
 *
 * WebAssembly's `f32x4.add` gives the bits of a plain JavaScript loop, which adds in float64 and rounds to float32 when it stores: rounding
 * twice is innocuous here (Figueroa, "When is double rounding innocuous?", 1995), since 53 >= 2 * 24 + 2 bits, for +, -, *, / and square
 * root, denormals and overflow included. Only the payload bits of a NaN are unspecified; totals that are not finite are never applied.
 */
import { sumFlats } from '../kernels/scratch.ts';
import { atOnce, inParts, type Parts } from '../parts.ts';

/**
 * target[i] = sources[0][i] + sources[1][i] + ..., from the left, each sum rounded once to float32: in one pass over the target. All have
 * shape [n]; writes `target` only, which may be the first source. Throws (a programmer's error) if it is another one, or the lengths
 * differ, and changes nothing then.
 */
export function sumInto(target: Float32Array, ...sources: readonly [Float32Array, ...Float32Array[]]): void {
  atOnce(sumInParts(target, ...sources));
}

/** The same, in parts. */
export function* sumInParts(target: Float32Array, ...sources: readonly [Float32Array, ...Float32Array[]]): Parts<void> {
  const wrong = sources.find((source) => source.length !== target.length);
  if (wrong !== undefined) throw new Error(`sumInto: ${wrong.length} elements cannot be added to ${target.length}`);
  if (sources.indexOf(target, 1) !== -1) throw new Error('sumInto: the target would change while it is added');
  yield* inParts(target.length, (start, end) => {
    const part = target.subarray(start, end);
    sumFlats(
      part,
      sources.map((source) => (source === target ? part : source.subarray(start, end))),
    );
  });
}
