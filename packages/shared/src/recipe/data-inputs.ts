/**
 * Which fields of a data set a recipe reads, and how the samples of a WORK lie in its one flat.
 *
 * Responsible for: what coordinator and workers must agree on, which the recipe alone decides. Not responsible for: which data has such
 * fields (`coordinator/src/data/`), or tensors (`worker/src/compute/`).
 */
import { elementCount } from '../shape.ts';
import type { DataSpec, Phase, RealSpec, Recipe } from './recipe.ts';

/** Types of the elements of data, on disk and on the wire. */
export const dataTypes = { uint8: 1, int32: 4, float32: 4 } as const;
export type DataType = keyof typeof dataTypes;

/** The name under which losses read the first field of pictures. */
export const realName = 'real';

export interface DataInput {
  /** In a loss. */
  readonly name: string;
  readonly spec: DataSpec;
  /** Its place among the recipe's, which keys what the fingerprint draws for it. */
  readonly index: number;
  /** How its elements travel. */
  readonly dtype: DataType;
  /** What one sample takes of a WORK. */
  readonly rowBytes: number;
}

/** `real`, if the recipe has it, then `data`, in the recipe's order. */
export function dataInputs(recipe: Recipe): DataInput[] {
  const real: [string, DataSpec][] = recipe.real === undefined ? [] : [[realName, recipe.real]];
  return [...real, ...Object.entries(recipe.data ?? {})].map(([name, spec], index) => {
    const dtype = 'range' in spec ? 'uint8' : spec.dtype;
    return { name, spec, index, dtype, rowBytes: elementCount(spec.shape) * dataTypes[dtype] };
  });
}

/** Those that a phase reads, in the recipe's order; none for a phase that consumes no data. */
export function dataInputsOf(recipe: Recipe, { inputs }: Pick<Phase, 'inputs'>): DataInput[] {
  return dataInputs(recipe).filter(({ name }) => inputs.includes(name));
}

/** What pictures of the recipe look like: `real`, or the first field that has a range. */
export function pictureInput(recipe: Recipe): (DataInput & { readonly spec: RealSpec }) | undefined {
  return dataInputs(recipe).find((input): input is DataInput & { readonly spec: RealSpec } => 'range' in input.spec);
}

/** Where one input's rows lie among the samples of a WORK, in bytes. */
export interface SampleBlock {
  readonly input: DataInput;
  readonly start: number;
  readonly end: number;
}

/** One block for each input, of `rows` rows. Each starts at a multiple of 4 bytes, so that its elements can be read where they lie. */
export function sampleBlocks(inputs: readonly DataInput[], rows: number): SampleBlock[] {
  let end = 0;
  return inputs.map((input) => {
    const start = Math.ceil(end / 4) * 4;
    end = start + rows * input.rowBytes;
    return { input, start, end };
  });
}

/** What all blocks take together, in bytes. */
export function sampleBytes(blocks: readonly SampleBlock[]): number {
  return blocks.at(-1)?.end ?? 0;
}
