/**
 * The thread that reads data which is not in memory: it opens the dataset once more, hashes and checks it, and fills batches.
 *
 * Everything here may block: the disk, decoders, a person's own dataset. Answers come in the order of the requests.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { type DataInput, type ErrorCode, LockstepError } from '@lockstep/shared';
import { type DataRequest, openDataset } from './open-dataset.ts';
import { checkClasses, createSampleReader } from './samples.ts';
import { cachedSha256 } from './sha256-cache.ts';
import { createIdStream } from './stream.ts';

export interface ThreadData {
  readonly request: DataRequest;
  /** For sentences. */
  readonly recipe: string;
  /** What each phase reads. */
  readonly inputs: readonly (readonly DataInput[])[];
  readonly seed: number;
  readonly batchSize: number;
  /** Shared: batches are written there. */
  readonly memories: readonly Uint8Array[];
}

export type ThreadRequest =
  | { readonly do: 'verify'; readonly recompute: boolean }
  | { readonly do: 'read'; readonly phase: number; readonly position: number; readonly slot: number };

export type ThreadAnswer =
  /** Something takes long. */
  | { readonly says: string }
  | { readonly done: true; readonly sha256?: string }
  /** `code` is absent for a bug. */
  | { readonly done: false; readonly code?: ErrorCode; readonly reason: string };

const { request, recipe, inputs, seed, batchSize, memories } = workerData as ThreadData;
const say = (answer: ThreadAnswer): void => parentPort!.postMessage(answer);
const opening = openDataset(request).then((dataset) => ({
  dataset,
  stream: createIdStream(seed, dataset.count),
  readers: inputs.map((ofPhase) => createSampleReader(ofPhase, dataset)),
}));
// Answered when the first request comes.
opening.catch(() => {});

async function carryOut(asked: ThreadRequest): Promise<string | undefined> {
  const { dataset, stream, readers } = await opening;
  if (asked.do === 'read') {
    readers[asked.phase]!.read([stream.idsAt(asked.position, batchSize)], memories[asked.slot]!);
    return undefined;
  }
  const sha256 = cachedSha256(dataset, asked.recompute, (says) => say({ says }));
  checkClasses(recipe, inputs.flat(), dataset);
  return sha256;
}

let queue = Promise.resolve();
parentPort!.on('message', (asked: ThreadRequest) => {
  queue = queue.then(async () => {
    try {
      const sha256 = await carryOut(asked);
      say(sha256 === undefined ? { done: true } : { done: true, sha256 });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      say(error instanceof LockstepError ? { done: false, code: error.code, reason } : { done: false, reason });
    }
  });
});
