/**
 * The fields of a dataset as a recipe reads them: checked against each other once, then copied into the samples of WORKs.
 *
 * Not responsible for: which samples (`stream.ts`), or how blocks lie (`sampleBlocks`, which workers share).
 */
import {
  type DataInput,
  dataInputs,
  elementCount,
  LockstepError,
  realName,
  type Recipe,
  sampleBlocks,
  sampleBytes,
} from '@lockstep/shared';
import type { Dataset, Field } from './dataset.ts';

/** Of one phase. */
export interface SampleReader {
  /**
   * Writes the samples of these ids to the start of `memory`, block by block, and returns their bytes. The ids come in runs, one for each
   * shard, in shard order.
   */
  read(runs: readonly Uint32Array[], memory: Uint8Array): Uint8Array;
}

/** What can be read of a dataset. */
type Readable = Pick<Dataset, 'fields' | 'read'>;

/** The fields that `inputs` read must have passed `checkFields`. */
export function createSampleReader(inputs: readonly DataInput[], dataset: Readable): SampleReader {
  const fields = new Map(inputs.map((input) => [input, fieldOf(input, dataset)!]));
  return {
    read(runs, memory) {
      const rows = runs.reduce((sum, { length }) => sum + length, 0);
      const blocks = sampleBlocks(inputs, rows);
      for (const { input, start } of blocks) {
        let at = start;
        for (const ids of runs) {
          const out = memory.subarray(at, (at += ids.length * input.rowBytes));
          copy(dataset, fields.get(input)!, input, ids, out);
        }
      }
      return memory.subarray(0, sampleBytes(blocks));
    },
  };
}

/** The most that a batch takes of the phases that read these inputs, in whole float32. */
export function batchBytes(inputs: readonly (readonly DataInput[])[], batchSize: number): number {
  return Math.ceil(Math.max(...inputs.map((ofPhase) => sampleBytes(sampleBlocks(ofPhase, batchSize)))) / 4) * 4;
}

function copy(dataset: Readable, field: Field, input: DataInput, ids: Uint32Array, out: Uint8Array): void {
  if (field.dtype === input.dtype) return dataset.read(field.name, ids, out);
  // Bytes that travel as int32. Read into the last quarter, and widened from the front: no byte is overwritten before it was widened.
  const bytes = out.subarray((out.length / 4) * 3);
  dataset.read(field.name, ids, bytes);
  const numbers = new Int32Array(out.buffer, out.byteOffset, bytes.length);
  for (let index = 0; index < bytes.length; index += 1) numbers[index] = bytes[index]!;
}

/** The field that an input reads: the one of its name; for `real`, the first that has pixels. */
export function fieldOf({ name }: Pick<DataInput, 'name'>, { fields }: Pick<Dataset, 'fields'>): Field | undefined {
  return fields.find((field) => (name === realName ? field.dtype === 'uint8' && field.shape.length > 0 : field.name === name));
}

/** Refuses (`data-invalid`) a dataset without a field that the recipe reads, or with one of another size or type. */
export function checkFields(recipe: Recipe, dataset: Pick<Dataset, 'source' | 'fields'>): void {
  for (const input of dataInputs(recipe)) {
    const fail = (problem: string, advice: string): never => {
      throw new LockstepError('data-invalid', `The recipe '${recipe.name}' ${problem}. ${advice}, or --data.`);
    };
    const field = fieldOf(input, dataset);
    const place = input.name === realName ? 'real' : `data.${input.name}`;
    if (field === undefined) {
      const there = dataset.fields.map(({ name }) => name).join(', ');
      const wanted = input.name === realName ? 'a field of pixels (uint8)' : `a field '${input.name}'`;
      return fail(`reads ${wanted}, but ${dataset.source} has only ${there}`, `Change ${place} in the recipe`);
    }
    const found = `${dataset.source} has ${field.shape.join(' x ') || 'single numbers'} there`;
    const wanted = elementCount(input.spec.shape);
    if (elementCount(field.shape) !== wanted)
      fail(
        `wants samples of ${wanted} ${input.dtype === 'uint8' ? 'pixels' : 'numbers'} as ${place}, but ${found}`,
        `Change ${place}.shape in the recipe`,
      );
    const fits = field.dtype === input.dtype || (field.dtype === 'uint8' && input.dtype === 'int32');
    if (!fits) {
      const how = field.dtype === 'uint8' ? "a range, or dtype 'int32'," : `dtype '${field.dtype}'`;
      fail(`reads ${place} as ${input.dtype}, but ${dataset.source} has ${field.dtype} there`, `Give ${place} ${how} in the recipe`);
    }
  }
}

/** Samples that are looked at together. */
const chunkSize = 65_536;

/** Refuses (`data-invalid`) values outside the classes of the recipe. Reads all of these fields. */
export function checkClasses(
  recipe: string,
  inputs: readonly DataInput[],
  dataset: Pick<Dataset, 'source' | 'count' | 'fields' | 'read'>,
): void {
  const checked = new Set<string>();
  for (const input of inputs) {
    const classes = 'classes' in input.spec ? input.spec.classes : undefined;
    if (classes === undefined || checked.has(input.name)) continue;
    checked.add(input.name);
    const field = fieldOf(input, dataset)!;
    const perSample = elementCount(field.shape);
    for (let first = 0; first < dataset.count; first += chunkSize) {
      const ids = Uint32Array.from({ length: Math.min(chunkSize, dataset.count - first) }, (_, index) => first + index);
      const numbers = new Int32Array(ids.length * perSample);
      copy(dataset, field, input, ids, new Uint8Array(numbers.buffer));
      const bad = numbers.findIndex((value) => value < 0 || value >= classes);
      if (bad < 0) continue;
      throw new LockstepError(
        'data-invalid',
        `${dataset.source}, field '${field.name}': sample ${first + Math.floor(bad / perSample)} has the value ${numbers[bad]}, and the recipe '${recipe}' has ${classes} classes, 0 to ${classes - 1}. Change data.${input.name}.classes in the recipe, or the data.`,
      );
    }
  }
}
