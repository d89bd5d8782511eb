/** A shard's data inputs, cut from the samples of a WORK. */
import { type DataInput, dataInputsOf, type Phase, type Recipe, type SampleBlock, sampleBlocks, sampleBytes } from '@lockstep/shared';
import type { Rows } from './evaluate.ts';
import { dataRows } from './rows.ts';

/** Of one WORK: rows by shard. They are valid until those of the next shard are asked for. */
export type DataOfShard = (shard: number) => Rows;

/** `sizes`: of the run's shards. The result takes the shards of a WORK in ascending order, and its samples. */
export function createDataInputs(
  recipe: Recipe,
  sizes: readonly number[],
): (phase: Phase, shards: readonly number[], samples: Uint8Array) => DataOfShard {
  const inputsByPhase = new Map(recipe.phases.map((phase) => [phase, dataInputsOf(recipe, phase)]));
  const largest = Math.max(...sizes);
  /** By input name. Kept, since new memory of this size costs more than filling it. */
  const memories = new Map<string, Float32Array>();
  const memoryOf = ({ name, rowBytes }: DataInput): Float32Array => {
    const memory = memories.get(name) ?? new Float32Array(largest * rowBytes);
    memories.set(name, memory);
    return memory;
  };
  const cut = ({ input, start }: SampleBlock, samples: Uint8Array, firstRow: number, rows: number): Rows[string] => {
    const from = start + firstRow * input.rowBytes;
    const bytes = samples.subarray(from, from + rows * input.rowBytes);
    return dataRows(input, bytes, input.dtype === 'uint8' ? memoryOf(input) : undefined);
  };
  return (phase, shards, samples) => {
    const firstRows = new Map<number, number>();
    let rows = 0;
    for (const shard of shards) {
      firstRows.set(shard, rows);
      rows += sizes[shard]!;
    }
    const blocks = sampleBlocks(inputsByPhase.get(phase)!, rows);
    if (sampleBytes(blocks) !== samples.length)
      throw new Error(`${samples.length} bytes of samples for shards ${shards.join(', ')}, which take ${sampleBytes(blocks)}`);
    return (shard) =>
      Object.fromEntries(blocks.map((block) => [block.input.name, cut(block, samples, firstRows.get(shard)!, sizes[shard]!)]));
  };
}
