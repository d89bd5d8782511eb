/** The rows that enter a phase: data as numbers, and declared inputs drawn for positions of the batch. Plain arrays, no tensors. */
import type { DataInput, RealSpec, Recipe } from '@lockstep/shared';
import { dataTypes, inputRows } from '@lockstep/shared';

/** What a draw depends on: rows [start, start + count) of round `round`, input i from stream `stream + i`. */
export interface Draw {
  readonly seed: number;
  readonly stream: number;
  readonly round: number;
  readonly start: number;
  readonly count: number;
}

/** The declared inputs among `names` (data is left out), each [count * row length]. */
export function drawInputs(recipe: Recipe, names: readonly string[], draw: Draw): Record<string, Float32Array> {
  const rows: Record<string, Float32Array> = {};
  Object.entries(recipe.inputs).forEach(([name, spec], index) => {
    if (names.includes(name)) rows[name] = inputRows(spec, draw.seed, draw.stream + index, draw.round, draw.start, draw.count);
  });
  return rows;
}

/**
 * Pixels as floats in real.range, by a table of 256 entries: pixel 0 is the first number, 255 the second, exactly.
 * Written into `rows`, of as many elements, and returned.
 */
export function realRows(real: RealSpec, pixels: Uint8Array, rows: Float32Array = new Float32Array(pixels.length)): Float32Array {
  const [first, last] = real.range;
  const table = Float32Array.from({ length: 256 }, (_, pixel) => (first * (255 - pixel) + last * pixel) / 255);
  for (let index = 0; index < pixels.length; index += 1) rows[index] = table[pixels[index]!]!;
  return rows;
}

/**
 * Samples of a data input as the numbers that enter the networks: bytes mapped into `memory`, numbers where they lie (at a multiple of 4
 * bytes, as `sampleBlocks` has it).
 */
export function dataRows({ spec, dtype }: DataInput, samples: Uint8Array, memory?: Float32Array): Float32Array | Int32Array {
  const length = samples.length / dataTypes[dtype];
  if ('range' in spec) return realRows(spec, samples, memory?.subarray(0, length));
  const { buffer, byteOffset } = samples;
  return dtype === 'int32' ? new Int32Array(buffer, byteOffset, length) : new Float32Array(buffer, byteOffset, length);
}
