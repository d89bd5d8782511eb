/**
 * The run that nothing ever disturbs, computed without cores, runtimes or messages: what every world must give, bit for bit.
 *
 * It adds with `Math.fround` along the tree, so that a mistake in the project's own sums is not repeated here. Optimizers and the data
 * order are the project's: suites of their own check them.
 */
import { initialFlat, shardSizes, shardStarts, squaredNorm, streams } from '@lockstep/shared';
import { createIdStream } from '../../packages/coordinator/src/data/stream.ts';
import { clipScale } from '../../packages/coordinator/src/training/optimizer/gradient.ts';
import { createOptimizer } from '../../packages/coordinator/src/training/optimizer/update-rules.ts';
import {
  ailmentOf,
  dataset,
  gradientOfShard,
  manifests,
  networks,
  phases,
  pixels as pixelsPerSample,
  recipe,
  type Run,
  type Weights,
} from './training.ts';

export interface Reference {
  /** Copies, after so many committed rounds. */
  weightsAfter(rounds: number): Weights;
  versionsAfter(rounds: number): Readonly<Record<string, number>>;
  /** The line of losses.jsonl, from step 1. */
  lossLine(step: number): string;
}

const references = new Map<string, Reference>();

export function referenceOf(run: Run): Reference {
  const key = JSON.stringify(run);
  const found = references.get(key) ?? createReference(run);
  references.set(key, found);
  return found;
}

function createReference(run: Run): Reference {
  const optimizers = new Map(
    networks.map((name, index) => {
      const initial = initialFlat(manifests[name]!, run.seed, streams.initialWeights + index);
      return [name, createOptimizer(recipe.optimizers[name]!, initial)];
    }),
  );
  const versions = Object.fromEntries(networks.map((name) => [name, 0]));
  const snapshot = (): { weights: Weights; versions: Record<string, number> } => ({
    weights: new Map(networks.map((name) => [name, optimizers.get(name)!.weights.slice()])),
    versions: { ...versions },
  });
  const after = [snapshot()];
  const lines: string[] = [];
  const rounds = phases.flatMap(({ repeat }, phase) => Array.from({ length: repeat }, () => phase));
  const stream = createIdStream(run.seed, dataset.count);
  let position = 0;

  const nextRound = (phase: number): { loss: number; norms: Record<string, number>; score: number } => {
    const round = after.length - 1;
    const { name, updates, readsData } = phases[phase]!;
    const ids = readsData ? stream.idsAt(position, run.batchSize) : new Uint32Array(0);
    position += ids.length;
    const { total, loss, score } = batchGradient(run, after.at(-1)!.weights, phase, round, ids);
    const isSkipped = ailmentOf(run, round) !== undefined;
    const norms: Record<string, number> = {};
    let start = 0;
    for (const network of updates) {
      const own = total.slice(start, (start += manifests[network]!.length));
      const norm = (norms[updates.length === 1 ? name : `${name}/${network}`] = isSkipped ? NaN : Math.sqrt(squaredNorm(own)));
      if (isSkipped) continue;
      optimizers.get(network)!.apply(own, { scale: clipScale(norm, recipe.optimizers[network]!.clipNorm), step: lines.length });
      versions[network]! += 1;
    }
    after.push(snapshot());
    return { loss, norms, score };
  };
  const nextStep = (): void => {
    const line = { step: lines.length + 1, images: 0, loss: {}, gradientNorm: {}, metrics: {} };
    for (const phase of rounds) {
      const { loss, norms, score } = nextRound(phase);
      const { name } = phases[phase]!;
      Object.assign(line.loss, { [name]: loss });
      Object.assign(line.gradientNorm, norms);
      Object.assign(line.metrics, { [phase === 0 ? 'score' : `${name}/score`]: score });
    }
    lines.push(JSON.stringify({ ...line, images: position }));
  };

  return {
    weightsAfter(count) {
      while (after.length <= count) nextStep();
      return after[count]!.weights;
    },
    versionsAfter(count) {
      while (after.length <= count) nextStep();
      return after[count]!.versions;
    },
    lossLine(step) {
      while (lines.length < step) nextStep();
      return lines[step - 1]!;
    },
  };
}

function batchGradient(
  run: Run,
  weights: Weights,
  phase: number,
  round: number,
  ids: Uint32Array,
): { total: Float32Array; loss: number; score: number } {
  const sizes = shardSizes(run.batchSize, run.shardCount);
  const starts = shardStarts(run.batchSize, run.shardCount);
  let loss = 0;
  let score = 0;
  let level = sizes.map((size, shard) => {
    const own = ids.length === 0 ? ids : ids.subarray(starts[shard], starts[shard]! + size);
    const pixels = new Uint8Array(own.length * pixelsPerSample);
    dataset.read('image', own, pixels);
    const { flat, outcome } = gradientOfShard(run, weights, { phase, round, shard }, pixels);
    loss += outcome.loss * size;
    score += outcome.metrics['score']! * size;
    return flat;
  });
  while (level.length > 1) {
    level = level.flatMap((flat, index) => {
      if (index % 2 === 1) return [];
      const sibling = level[index + 1];
      return [sibling === undefined ? flat : flat.map((value, at) => Math.fround(value + sibling[at]!))];
    });
  }
  return { total: level[0]!, loss: loss / run.batchSize, score: score / run.batchSize };
}
