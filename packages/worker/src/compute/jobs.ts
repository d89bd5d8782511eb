/**
 * Computes what the core orders, one job at a time, in the order of the requests.
 *
 * Responsible for: the queue, and reporting how each job ended. Not responsible for: what is computed (`compute.ts`), or whether an answer
 * is still wanted (the core).
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
  type WorkTimes,
} from '@lockstep/shared';
import type { Effect, Event } from '../core/events.ts';
import type { Observer } from '../metrics/metrics.ts';
import type { Compute } from './compute.ts';

/** The tensors of a WORK. */
export interface WorkTensors {
  /** The weights of the networks that were sent, in their order. */
  readonly weights: readonly Float32Array[];
  /** By network, for those of `weights` that have state. */
  readonly states: Readonly<Record<string, Float32Array>>;
  /** By network: average weights, which pictures are drawn with. */
  readonly averages: Readonly<Record<string, Float32Array>>;
  /** The shards' samples in ascending shard order (`sampleBlocks`). */
  readonly samples: Uint8Array;
}

/** What READY says about a run's networks. */
export interface Built {
  readonly manifests: Manifests;
  readonly fingerprint: string;
}

/** What RESULT says, and the flats that go with it. */
export interface Answer extends Omit<Body<Result>, 'workId' | 'times'> {
  /** If the WORK was timed. */
  readonly times?: Omit<WorkTimes, 'sent'>;
  readonly flats: readonly Float32Array[];
  /** Rises with every answer. It is not the WORK's number, which starts again with each term of the coordinator. */
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
  readonly observer: Observer;
  /** Called with the outcome of each job. */
  readonly tell: (event: Event) => void;
}

export function createJobs({ createCompute, clock, log, observer, tell }: JobsOptions): Jobs {
  let current: Compute | undefined;
  let answers = 0;
  let queue: Promise<void> = Promise.resolve();

  const enqueue = (job: () => Promise<void>, run?: RunSettings): void => {
    queue = queue.then(job).catch((error: unknown) => {
      if (!(error instanceof LockstepError)) log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
      tell({ ...failure(error), ...(run === undefined ? {} : { run }) });
    });
  };
  /** Done while the coordinator is busy. The next round usually brings the same shards. */
  const drawAhead = async (round: number, shards: readonly number[]): Promise<void> => {
    // The result is sent first.
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
      }, run),
    compute({ fence, order }) {
      const receivedMs = clock.nowMs();
      enqueue(async () => {
        answers += 1;
        const answer = await carryOut(current!, { fence, order, receivedMs }, answers, { clock, observer });
        tell({ type: 'computed', fence, workId: order.workId, answer });
        if (order.task === 'gradient') enqueue(() => drawAhead(fence.round + 1, order.shards));
      });
    },
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
  { fence, order, receivedMs }: Pick<Extract<Effect, { do: 'compute' }>, 'fence' | 'order'> & { readonly receivedMs: number },
  number: number,
  { clock, observer }: Pick<JobsOptions, 'clock' | 'observer'>,
): Promise<Answer> {
  const { weights, states, averages, samples } = order.payload as WorkTensors;
  const { task, phase, shards, pictures, pictureSet = 0, sends, versions } = order;
  const startMs = clock.nowMs();
  for (const [index, network] of sends.entries()) compute.setWeights(network, versions[network]!, weights[index]!, states[network]);
  const loadedMs = clock.nowMs();
  observer.spent('load', (loadedMs - startMs) / 1000);
  const shardsMs: number[] = [];
  const shardDone = order.timed ? (): void => void shardsMs.push(clock.nowMs()) : undefined;
  const { nodes, outcomes, flats } =
    task === 'generate'
      ? { nodes: [], outcomes: [], flats: [await compute.generate({ pictures, pictureSet, averages })] }
      : await compute.gradient({ phase, round: fence.round, shards, samples, shardDone });
  const computedMs = clock.nowMs();
  observer.spent('compute', (computedMs - loadedMs) / 1000);
  const answer = { task, nodes, outcomes, computeSeconds: (computedMs - startMs) / 1000, flats, number, room: compute.longestGradient };
  const times = { received: receivedMs, started: startMs, weights: loadedMs, shards: shardsMs, computed: computedMs };
  return order.timed ? { ...answer, times } : answer;
}

/** For the answer's flats, once they are copied. */
export function freeAnswer({ flats }: Answer): void {
  flats.forEach(freeFlat);
}

function failure(error: unknown): Extract<Event, { type: 'failed' }> {
  if (error instanceof LockstepError) return { type: 'failed', code: error.code, reason: error.message };
  const detail = error instanceof Error ? error.message : String(error);
  return { type: 'failed', code: 'compute-failed', reason: `The backend failed: ${detail.split('\n')[0]}` };
}
