/**
 * A network's initial weights, drawn from the seed without TensorFlow, so that they do not depend on a worker or a backend.
 *
 * Responsible for: filling a flat from the manifest's initializers. Not responsible for: choosing initializers and fans (the worker
 * reads them off the layers), or for which stream belongs to which network (`streams.initialWeights` plus its index).
 *
 * Each parameter has its own sequence, keyed by (seed, stream, index of the parameter): changing one parameter's shape or initializer
 * leaves every other one as it was. Values are computed in float64 and rounded once to float32.
 */
import { normals, sequence, uniform } from '../rng.ts';
import type { ElementInitializer, Layout, Parameter } from './manifest.ts';
import { fillOrthogonal } from './orthogonal.ts';
import { atOnce, inParts, type Parts, partLength } from '../parts.ts';
import { elementCount } from '../shape.ts';

/** Truncated normals beyond this many deviations are drawn again, as Keras and TF.js do. */
const truncationDeviations = 2;
const normalsAtATime = 256;

/** Shape [manifest.length], float32. Throws (a programmer's error) if the parameters do not fill the flat back to back. */
export function initialFlat(manifest: Layout, seed: number, stream: number): Float32Array {
  return atOnce(initialFlatInParts(manifest, seed, stream));
}

/** The same, in parts. */
export function* initialFlatInParts(manifest: Layout, seed: number, stream: number): Parts<Float32Array> {
  const flat = new Float32Array(manifest.length);
  let offset = 0;
  for (const [index, parameter] of manifest.parameters.entries()) {
    const end = parameter.offset + elementCount(parameter.shape);
    if (parameter.offset !== offset || end > flat.length) throw new Error(`initialFlat: ${parameter.name} does not follow its predecessor`);
    yield* fill(flat.subarray(offset, end), parameter, sequence(seed, stream, index, 0));
    offset = end;
  }
  if (offset !== flat.length) throw new Error(`initialFlat: parameters fill ${offset} of ${flat.length} elements`);
  return flat;
}

function* fill(values: Float32Array, { initializer, shape, name }: Parameter, next: () => number): Parts<void> {
  switch (initializer.kind) {
    case 'identity':
      for (let index = 0; index < shape[0]!; index += 1) values[index * (shape[0]! + 1)] = initializer.gain;
      return;
    case 'orthogonal':
      return fillOrthogonal(values, shape, initializer.gain, oneByOne(next));
    case 'parts': {
      let offset = 0;
      for (const part of initializer.parts) yield* fillElements(values.subarray(offset, (offset += part.length)), part.initializer, next);
      if (offset !== values.length) throw new Error(`initialFlat: the parts of ${name} have ${offset} of ${values.length} elements`);
      return;
    }
    default:
      return yield* fillElements(values, initializer, next);
  }
}

/** Normals, one after the other. */
function oneByOne(next: () => number): () => number {
  let drawn: Float64Array = new Float64Array(0);
  let used = 0;
  return () => {
    if (used === drawn.length) [drawn, used] = [normals(next, normalsAtATime), 0];
    used += 1;
    return drawn[used - 1]!;
  };
}

function* fillElements(values: Float32Array, initializer: ElementInitializer, next: () => number): Parts<void> {
  switch (initializer.kind) {
    case 'constant':
      yield* inParts(values.length, (start, end) => values.fill(initializer.value, start, end));
      return;
    case 'uniform':
      yield* fillUniform(values, initializer.min, initializer.max, next);
      return;
    case 'normal':
      yield* fillNormal(values, initializer.mean, initializer.deviation, Infinity, next);
      return;
    case 'truncated-normal':
      yield* fillNormal(values, initializer.mean, initializer.deviation, truncationDeviations, next);
      return;
  }
}

/** [min, max); rounding to float32 may reach `max`. */
function* fillUniform(values: Float32Array, min: number, max: number, next: () => number): Parts<void> {
  const width = max - min;
  yield* inParts(values.length, (start, end) => {
    for (let index = start; index < end; index += 1) values[index] = min + width * uniform(next);
  });
}

/** All normals are used in their order. About one in 22 is drawn again with a limit of 2, so a redraw always ends soon. */
function* fillNormal(values: Float32Array, mean: number, deviation: number, limit: number, next: () => number): Parts<void> {
  let index = 0;
  for (let draws = 0; index < values.length; draws += 1) {
    if (draws > 0 && draws % (partLength / normalsAtATime) === 0) yield;
    // Possibly more than are needed: nothing else draws from this sequence but further parts of the same parameter, always in order.
    const drawn = normals(next, normalsAtATime);
    for (let draw = 0; draw < drawn.length && index < values.length; draw += 1) {
      if (Math.abs(drawn[draw]!) <= limit) {
        values[index] = mean + deviation * drawn[draw]!;
        index += 1;
      }
    }
  }
}
