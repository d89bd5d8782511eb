/**
 * Every message of the protocol: who sends it, when, and what comes back. The only definition; types are inferred from the schemas.
 *
 * Responsible for: names, fields and bounds. Not responsible for: bytes (`codec.ts`), fencing (`core/`), tensor bytes (`carrier/`).
 * A message is a header (this file, msgpack; READY's manifests and RESULT's outcomes in a frame of their own) and frames described by the
 * header's `payload`.
 */
import { z } from 'zod';
import { carrierNames, payload } from '../carrier/payload.ts';
import { executions } from '../execution.ts';
import { nonfinitePolicies } from '../nonfinite.ts';
import { maximumNetworks } from '../recipe/recipe-rules.ts';
import { manifestSchema } from '../tensor/manifest-schema.ts';

/** Rises with any change that an older peer would misread; independent of the package version. The codec puts it into every header. */
export const protocolVersion = 4;

/** Bounds on what a peer may send: more than people need, and little for a machine. */
const name = z.string().min(1).max(128);
const sentence = z.string().max(2000);
const count = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const maximumShards = 4096;
/** Of one answer: of the largest pictures in use, half a gigabyte. */
export const maximumPictures = 2 ** 16;
const perNetwork = <T extends z.ZodType>(value: T): z.ZodRecord<typeof name, T> => z.record(name, value);

const carrier = z.enum(carrierNames);

/** The shared memory a process writes, for a peer on the same host to open. */
const region = z.object({ pid: count, descriptor: count, token: z.string().length(32) });

/** Fence: a receiver acts on a message only if these match what it knows. `round` is the round being computed (or about to be). */
const fence = {
  runId: name,
  /** One life of the coordinator: rises by one each time the run's coordinator starts. */
  term: count,
  /** One life of one worker process. */
  peer: name,
  round: count,
};

const fenceSchema = z.object(fence);
export type Fence = Readonly<z.infer<typeof fenceSchema>>;

/**
 * Numbers the WORKs of one term, so that an answer counts for exactly the WORK it answers: a round may assign shards to one worker twice.
 */
const workId = count;

const treeNode = z.object({ level: z.int().min(0).max(32), index: count });

/** Zod's numbers are finite; a diverged loss is not, and must reach the coordinator. */
const anyNumber = z.custom<number>((value) => typeof value === 'number');
const shardOutcome = z.object({
  shard: count,
  /** Mean loss over the shard's samples. NaN and infinities travel as such: the coordinator judges them. */
  loss: anyNumber,
  metrics: z.record(name, anyNumber),
});
export type ShardOutcome = z.infer<typeof shardOutcome>;

/** Worker, on every (re)connection: I am here. Answered by WELCOME or REFUSE. Safe to repeat. */
const hello = z.object({
  type: z.literal('hello'),
  peer: name,
  name,
  host: name,
  pid: count,
  backend: name,
  device: name,
  /** Absent where there is no shared memory. */
  region: region.exactOptional(),
  /** HOST:PORT at which it serves metrics of its own; absent if it does not. */
  metricsAddress: z
    .string()
    .max(300)
    .regex(/^([\w.-]+|\[[\da-fA-F:.%]+\]):\d{1,5}$/)
    .exactOptional(),
});

/** Worker, after WELCOME: the networks are built and checked, and WORK may follow. */
const ready = z.object({
  type: z.literal('ready'),
  ...fence,
  manifests: perNetwork(manifestSchema),
  /** SHA-256 over every phase's gradient from fixed inputs on the run's shapes: equal fingerprints mean equal bits. */
  fingerprint: sha256,
  /** `shm` if the worker could open the region of the WELCOME. */
  carrier,
});

/** When a worker did what for a timed WORK: milliseconds of its own monotonic clock. */
const workTimes = z.object({
  received: z.number(),
  started: z.number(),
  /** It holds the weights that were sent. */
  weights: z.number(),
  /** Each shard, in ascending order, was computed. */
  shards: z.array(z.number()).max(maximumShards).readonly(),
  computed: z.number(),
  sent: z.number(),
});
export type WorkTimes = Readonly<z.infer<typeof workTimes>>;

/** Worker, once per WORK. Gradient: payload holds one flat per node. Generate: payload holds the pictures. */
const result = z.object({
  type: z.literal('result'),
  ...fence,
  workId,
  task: z.enum(['gradient', 'generate']),
  nodes: z.array(treeNode).max(maximumShards).readonly(),
  outcomes: z.array(shardOutcome).max(maximumShards).readonly(),
  computeSeconds: z.number().min(0),
  /** If the WORK was timed. */
  times: workTimes.exactOptional(),
  payload,
});

/** Worker, instead of RESULT: I lack these weight versions (or hold others); send them and the work again. */
const need = z.object({
  type: z.literal('need'),
  ...fence,
  workId,
  networks: z.array(name).max(maximumNetworks).readonly(),
  /** The tensors of the WORK arrived, with other bits than were sent. */
  damaged: z.literal(true).exactOptional(),
});

/** Worker: I am leaving, for this reason; reassign my shards. */
const leave = z.object({ type: z.literal('leave'), ...fence, code: name, reason: sentence });

export const toCoordinator = z.discriminatedUnion('type', [hello, ready, result, need, leave]);
export type ToCoordinator = z.infer<typeof toCoordinator>;

/** What decides a run's numbers besides its data: made by the coordinator, part of its plan, and carried to every worker unchanged. */
const runSettings = z
  .object({
    recipe: z.object({ name, hash: sha256 }).readonly(),
    seed: count,
    /** Samples of the global batch. */
    batchSize: z.int().min(1),
    shardCount: z.int().min(1).max(maximumShards),
    execution: z.enum(executions),
    /** Absent: `stop`, as before there was a choice. */
    onNonfinite: z.enum(nonfinitePolicies).exactOptional(),
  })
  .readonly();
export type RunSettings = z.infer<typeof runSettings>;

/** Coordinator, answering HELLO: what a worker needs to know about the run. Answered by READY or LEAVE. */
const welcome = z.object({
  type: z.literal('welcome'),
  ...fence,
  run: runSettings,
  /** Present if the coordinator could open the worker's: both will use shared memory if the worker can open this one too. */
  region: region.exactOptional(),
});

/** Coordinator: you cannot take part; the worker prints the sentence and ends. */
const refuse = z.object({ type: z.literal('refuse'), ...fence, code: name, reason: sentence });

/**
 * Coordinator: compute. Sending weights *is* the order to compute: payload holds the flats of `sends`, the networks whose version the
 * worker lacks, and then those of `states` and `averages`. For `gradient` one more flat follows if the phase reads data: the samples of
 * `shards` in shard order (`sampleBlocks`), filled up to whole float32.
 */
const work = z.object({
  type: z.literal('work'),
  ...fence,
  workId,
  task: z.enum(['gradient', 'generate']),
  /** Index into recipe.phases; ignored by `generate`. */
  phase: count,
  shards: z.array(count).max(maximumShards).readonly(),
  /** Pictures to generate. */
  pictures: z.int().min(0).max(maximumPictures),
  /** Which of the model's pictures: keys their noise. Absent in training, whose grids show those of 0. */
  pictureSet: count.exactOptional(),
  /** Version of each network that the work must be computed with. */
  versions: perNetwork(count),
  sends: z.array(name).max(maximumNetworks).readonly(),
  /** Those of `sends` that have state, if there are any. */
  states: z.array(name).max(maximumNetworks).readonly().exactOptional(),
  /** For `generate`: networks to use with these average weights, if there are any. */
  averages: z.array(name).max(maximumNetworks).readonly().exactOptional(),
  /** 0 if there are no samples. */
  sampleBytes: count,
  /** For a trace: the answer says when it was received, computed and sent. */
  timed: z.literal(true).exactOptional(),
  payload,
});

/** Coordinator: the run is over (or paused by a restart when `ended` is false): stop, or wait and say HELLO again. */
const bye = z.object({ type: z.literal('bye'), ...fence, ended: z.boolean(), reason: sentence });

export const toWorker = z.discriminatedUnion('type', [welcome, refuse, work, bye]);
export type ToWorker = z.infer<typeof toWorker>;

export type Message = ToCoordinator | ToWorker;
export type Hello = z.infer<typeof hello>;
export type Ready = z.infer<typeof ready>;
export type Result = z.infer<typeof result>;
export type Welcome = z.infer<typeof welcome>;
export type Work = z.infer<typeof work>;

/** The content of a message, apart from its type, its fence and its tensors. */
export type Body<M> = Omit<M, 'type' | keyof Fence | 'payload'>;

/** Splits a message in two: the fence it has to pass, and the rest. */
export function splitFence<M extends Fence & { readonly type: string }>(
  message: M,
): { readonly fence: Fence; readonly rest: Omit<M, 'type' | keyof Fence> } {
  const { type: _, runId, term, peer, round, ...rest } = message;
  return { fence: { runId, term, peer, round }, rest };
}
