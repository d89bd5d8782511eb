/**
 * A shard's declared inputs, drawn when they are needed or ahead of time.
 *
 * A draw depends only on the seed, the round and the shard's place in the batch, so drawing ahead changes no result, whichever job comes.
 */
import { type Recipe, type RunSettings, shardSizes, shardStarts, streams } from '@lockstep/shared';
import { drawInputs } from './rows.ts';

type Rows = Readonly<Record<string, Float32Array>>;

export interface DeclaredInputs {
  /** Rows of the named inputs; the caller frees them. */
  take(round: number, shard: number, names: readonly string[]): Rows;
  drawAhead(round: number, shards: readonly number[]): void;
}

export function createDeclaredInputs(
  recipe: Recipe,
  { seed, batchSize, shardCount }: Pick<RunSettings, 'seed' | 'batchSize' | 'shardCount'>,
): DeclaredInputs {
  const sizes = shardSizes(batchSize, shardCount);
  const starts = shardStarts(batchSize, shardCount);
  /** By shard, for the round that may come next. */
  let ahead: { readonly round: number; readonly rows: Map<number, Rows> } = { round: -1, rows: new Map() };
  const draw = (round: number, shard: number, names: readonly string[]): Rows =>
    drawInputs(recipe, names, { seed, stream: streams.inputs, round, start: starts[shard]!, count: sizes[shard]! });
  return {
    take(round, shard, names) {
      const rows = ahead.round === round ? ahead.rows.get(shard) : undefined;
      if (rows === undefined) return draw(round, shard, names);
      // Each only once, since the caller frees them.
      ahead.rows.delete(shard);
      return Object.fromEntries(names.filter((name) => rows[name] !== undefined).map((name) => [name, rows[name]!]));
    },
    drawAhead(round, shards) {
      ahead = { round, rows: new Map(shards.map((shard) => [shard, draw(round, shard, Object.keys(recipe.inputs))])) };
    },
  };
}
