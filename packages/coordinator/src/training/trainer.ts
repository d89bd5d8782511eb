/**
 * The numbers of a run: the model, the round under way, and the memory both need.
 *
 * Responsible for: carrying out those effects of the core that touch tensors. Not responsible for: when they happen (the core), messages
 * (`wire/`), or files (`checkpoint/`).
 */
import {
  answerLength,
  type Clock,
  copyInParts,
  createArena,
  createFlatPool,
  elementCount,
  type FlatPool,
  type KeyedFlat,
  type Manifests,
  type Parts,
  pictureInput,
  type Recipe,
} from '@lockstep/shared';
import { advance, type Cursor } from '../core/cursor.ts';
import type { Effect } from '../core/effects.ts';
import type { TaskKind } from '../core/events.ts';
import type { Plan } from '../core/plan.ts';
import type { Batches } from '../data/batches.ts';
import { type Model, type SavedNetwork, saveModel, snapshotWeights } from './model.ts';
import { stateFlat } from './state.ts';
import { beginRound, type Committed, type NotFinite, type Round } from './round.ts';

export interface TrainerOptions {
  readonly plan: Plan;
  readonly recipe: Recipe;
  readonly batches: Batches;
  /** The model of a checkpoint, if the run is resumed. */
  readonly restored: Model | undefined;
  /** The model of a new run, once the first worker has reported the manifests. */
  readonly createModel: (manifests: Manifests) => Parts<Model>;
  /** For durations only. */
  readonly clock: Clock;
}

/** The tensors of one WORK. */
export interface Load {
  /** The weights of the networks that are sent, then states, averages and the samples, if there are any. */
  readonly flats: readonly KeyedFlat[];
  /** Networks whose states follow the weights. */
  readonly states: readonly string[];
  /** Networks whose averages follow those. */
  readonly averages: readonly string[];
  readonly sampleBytes: number;
}

export interface Trainer {
  /** Undefined until the first worker is ready. */
  model(): Model | undefined;
  initialise(manifests: Manifests): Parts<void>;
  begin(task: TaskKind, cursor: Cursor): void;
  load(effect: Extract<Effect, { do: 'assign' }>): Parts<Load>;
  /** The flats must stay as they are until the next `load` or `commit`. */
  accept(effect: Extract<Effect, { do: 'accept' }>): Parts<void>;
  commit(): Parts<Committed | NotFinite>;
  /** Once a round is committed: resolves when the samples of the round after it are there; undefined if they are. */
  untilNext(committed: Cursor): Promise<void> | undefined;
  /** Elements of each flat that answers the task under way. */
  answerLength(): number;
  /** Memory for a flat that answers it, which `accept` takes over. */
  allocate(length: number): Float32Array;
  /** The networks as they are now, for a checkpoint: copies, which never change, unless nothing is committed after it (`isLast`). */
  save(isLast: boolean): Parts<SavedNetwork[]>;
}

/** The norm of an update costs a pass over the weights, which is little if it is not taken in every round. */
const measureEveryMs = 5000;

export function createTrainer(options: TrainerOptions): Trainer {
  const { plan } = options;
  let model = options.restored;
  let round: Round | undefined;
  let pool: FlatPool | undefined;
  let phase = 0;
  /** By phase: when an update was measured last. */
  const measuredMs = new Map<number, number>();
  /** For the samples of each WORK in turn, in whole float32. */
  const sampleMemory = new Uint8Array(options.batches.bytes);

  return {
    model: () => model,
    *initialise(manifests) {
      model = yield* options.createModel(manifests);
    },
    begin(task, cursor) {
      const { recipe, batches, clock } = options;
      pool ??= createSumPool(plan, model!);
      ({ phase } = cursor);
      const parts = { recipe, batches, run: plan.run, model: model!, sampleMemory, pool, nowMs: clock.nowMs };
      round = task === 'gradient' ? beginRound(parts, cursor) : undefined;
    },
    *load({ task, shards, sends, versions, workId, seat }) {
      if (round !== undefined) yield* round.detach();
      const weights = sends.map((name): KeyedFlat => {
        const network = model!.get(name)!;
        return { key: name, version: versions[name]!, live: network.weights, snapshot: () => snapshotWeights(network) };
      });
      const states = sends.filter((name) => model!.get(name)!.state !== undefined);
      const averages = task === 'generate' ? averagesOf(model!, versions) : [];
      const samples = round?.samples(shards) ?? sampleMemory.subarray(0, 0);
      const sampled = samples.length === 0 ? [] : [sampleFlat(samples, `samples of seat ${seat}`, workId, sampleMemory.length / 4)];
      const flats = [
        ...weights,
        ...states.map((name) => stateFlat(name, versions[name]!, model!.get(name)!.state!)),
        ...averages.map(({ flat }) => flat),
        ...sampled,
      ];
      return { flats, states, averages: averages.map(({ network }) => network), sampleBytes: samples.length };
    },
    accept: ({ nodes, outcomes, payload }) => round!.accept(nodes, payload as readonly Float32Array[], outcomes),
    commit() {
      const now = options.clock.nowMs();
      const isDue = now - (measuredMs.get(phase) ?? -Infinity) >= measureEveryMs;
      if (isDue) measuredMs.set(phase, now);
      return round!.commit(isDue);
    },
    untilNext: (committed) => options.batches.until(advance(plan, committed)),
    answerLength: () => (round === undefined ? plan.pictures * elementCount(pictureInput(options.recipe)!.spec.shape) : round.length),
    allocate: (length) => (round === undefined ? new Float32Array(length) : pool!.take(length)),
    save: (isLast) => saveModel(model!, isLast),
  };
}

/** Memory for the sums of a round (`reduce.ts`), of any phase. */
function createSumPool({ run, phases }: Plan, model: Model): FlatPool {
  // One more than wait in the tree: the next to arrive.
  const count = Math.ceil(run.shardCount / 2) + 1;
  const longest = Math.max(...phases.map(({ updates }) => answerLength(updates.map((name) => model.get(name)!.manifest))));
  return createFlatPool(count, createArena(count, longest), longest);
}

/** The averages of all networks that have one, as flats. */
function averagesOf(model: Model, versions: Readonly<Record<string, number>>): { readonly network: string; readonly flat: KeyedFlat }[] {
  return [...model.values()].flatMap(({ name: network, optimizer: { average } }) => {
    if (average === undefined) return [];
    return [
      { network, flat: { key: `average of ${network}`, version: versions[network]!, live: average, snapshot: () => copyInParts(average) } },
    ];
  });
}

/** Samples as a flat. */
function sampleFlat(samples: Uint8Array, key: string, version: number, room: number): KeyedFlat {
  const live = new Float32Array(samples.buffer, samples.byteOffset, Math.ceil(samples.length / 4));
  return { key, version, room, live, snapshot: () => copyInParts(live) };
}
