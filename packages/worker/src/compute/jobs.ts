/**
 * What the core orders to be computed, one job at a time, in the order it was asked for.
 *
 * Responsible for: the queue, and for telling how each job ended. Not responsible for: what is computed (`compute.ts`), or whether an answer is
 * still wanted (the core).
 */
import { setImmediate } from 'node:timers/promises';
import {
  type Body,
  type Clock,
  freeFlat,
  LockstepError,
  type Log,
  type Manifests,
  manifestsBytes,
  maximumManifestsBytes,
  type Result,
  type RunSettings,
} from '@lockstep/shared';
import type { Effect, Event } from '../core/events.ts';
import type { Compute } from './compute.ts';

/** The tensors of a WORK. */
export interface WorkTensors {
  /** Of the networks that were sent, in their order. */
  readonly weights: readonly Float32Array[];
  /** Pixels of the shards' samples in ascending shard order. */
  readonly samples: Uint8Array;
}

/** What READY tells of a run's networks. */
export interface Built {
  readonly manifests: Manifests;
  readonly fingerprint: string;
}

/** What RESULT says, and the flats that go with it. */
export interface Answer extends Omit<Body<Result>, 'workId'> {
  readonly flats: readonly Float32Array[];
  /** Rises with every answer. Not the WORK's number: another life of the coordinator counts from the beginning. */
  readonly number: number;
  /** Elements of the longest flat that any answer of this run has. */
  readonly room: number;
}

export interface Jobs {
  prepare(run: RunSettings): void;
  compute(effect: Extract<Effect, { do: 'compute' }>): void;
}

export interface JobsOptions {
  /** Builds the networks of a run, or throws a LockstepError that says what to do. */
  readonly createCompute: (run: RunSettings) => Promise<Compute>;
  readonly clock: Clock;
  readonly log: Log;
  /** What became of a job. */
  readonly tell: (event: Event) => void;
}

export function createJobs({ createCompute, clock, log, tell }: JobsOptions): Jobs {
  let current: Compute | undefined;
  let answers = 0;
  let queue: Promise<void> = Promise.resolve();

  const enqueue = (job: () => Promise<void>): void => {
    queue = queue.then(job).catch((error: unknown) => {
      if (!(error instanceof LockstepError)) log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
      tell(failure(error));
    });
  };
  /** While the coordinator is at work. Most often, the next round brings the same shards. */
  const drawAhead = async (round: number, shards: readonly number[]): Promise<void> => {
    // The result leaves first.
    await setImmediate();
    current?.drawAhead({ round, shards });
  };
  return {
    prepare: (run) =>
      enqueue(async () => {
        current?.dispose();
        current = undefined;
        current = await createCompute(run);
        checkSize(current.manifests, run.recipe.name);
        tell({ type: 'prepared', run, built: { manifests: current.manifests, fingerprint: await current.fingerprint() } satisfies Built });
      }),
    compute: ({ fence, order }) =>
      enqueue(async () => {
        answers += 1;
        const answer = await carryOut(current!, { fence, order }, answers, clock);
        tell({ type: 'computed', fence, workId: order.workId, answer });
        if (order.task === 'gradient') enqueue(() => drawAhead(fence.round + 1, order.shards));
      }),
  };
}

function checkSize(manifests: Manifests, recipe: string): void {
  const bytes = manifestsBytes(manifests);
  if (bytes <= maximumManifestsBytes) return;
  const sizes = `${Math.ceil(bytes / 2 ** 20)} MiB, and at most ${maximumManifestsBytes / 2 ** 20} are possible`;
  throw new LockstepError('recipe-invalid', `The layers of recipe '${recipe}' take ${sizes} to describe. Use fewer layers.`);
}

async function carryOut(
  compute: Compute,
  { fence, order }: Pick<Extract<Effect, { do: 'compute' }>, 'fence' | 'order'>,
  number: number,
  clock: Clock,
): Promise<Answer> {
  const { weights, samples } = order.payload as WorkTensors;
  const { task, phase, shards, pictures, sends, versions } = order;
  const startMs = clock.nowMs();
  for (const [index, network] of sends.entries()) compute.setWeights(network, versions[network]!, weights[index]!);
  const { nodes, outcomes, flats } =
    task === 'generate'
      ? { nodes: [], outcomes: [], flats: [await compute.generate({ pictures })] }
      : await compute.gradient({ phase, round: fence.round, shards, samples });
  const room = Math.max(...Object.values(compute.manifests).map(({ length }) => length));
  return { task, nodes, outcomes, computeSeconds: (clock.nowMs() - startMs) / 1000, flats, number, room };
}

/** For the answer's flats, once they are copied. */
export function freeAnswer({ flats }: Answer): void {
  flats.forEach(freeFlat);
}

function failure(error: unknown): Event {
  if (error instanceof LockstepError) return { type: 'failed', code: error.code, reason: error.message };
  const detail = error instanceof Error ? error.message : String(error);
  return { type: 'failed', code: 'compute-failed', reason: `The backend failed: ${detail.split('\n')[0]}` };
}
