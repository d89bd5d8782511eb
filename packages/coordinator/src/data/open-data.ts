/**
 * The data of a run, opened and checked against its recipe: in memory, or read ahead by a thread.
 *
 * Not responsible for: formats (`open-dataset.ts`), or when batches are needed (`training/trainer.ts`).
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type DataInput, dataInputsOf, LockstepError, type Recipe } from '@lockstep/shared';
import type { Plan } from '../core/plan.ts';
import { type Batches, createResidentBatches } from './batches.ts';
import type { ThreadAnswer, ThreadData, ThreadRequest } from './data-thread.ts';
import type { Dataset, DatasetInfo } from './dataset.ts';
import { type DataRequest, openDataset } from './open-dataset.ts';
import { createReadAhead, slotCount } from './read-ahead.ts';
import { batchBytes, checkClasses, checkFields } from './samples.ts';

export interface OpenData extends DatasetInfo {
  batches(plan: Pick<Plan, 'run' | 'phases'>): Batches;
  close(): Promise<void>;
}

export interface Reading {
  readonly request: DataRequest;
  readonly recipe: Recipe;
  readonly seed: number;
  readonly batchSize: number;
  /** Whether a SHA-256 that is known from an earlier run is computed again. */
  readonly recompute: boolean;
  /** Told what takes long. */
  readonly say: (sentence: string) => void;
}

/** Throws `data-invalid`: nothing stays open then. */
export async function openData(reading: Reading): Promise<OpenData> {
  const { recipe } = reading;
  const dataset = await openDataset(reading.request);
  try {
    checkFields(recipe, dataset);
    const inputs = recipe.phases.map((phase) => dataInputsOf(recipe, phase));
    return dataset.isResident ? openResident(dataset, inputs, reading) : await openInThread(dataset, inputs, reading);
  } finally {
    // What is in memory stays; the thread has files of its own.
    dataset.close();
  }
}

function openResident(dataset: Dataset, inputs: readonly (readonly DataInput[])[], { recipe, seed, batchSize }: Reading): OpenData {
  checkClasses(recipe.name, inputs.flat(), dataset);
  return {
    ...infoOf(dataset, dataset.computeSha256()),
    batches: () => createResidentBatches(inputs, dataset, { seed, batchSize }),
    close: async () => {},
  };
}

async function openInThread(dataset: Dataset, inputs: readonly (readonly DataInput[])[], reading: Reading): Promise<OpenData> {
  const { request, recipe, seed, batchSize, recompute, say } = reading;
  const bytes = batchBytes(inputs, batchSize);
  const memories = Array.from({ length: slotCount }, () => new Uint8Array(new SharedArrayBuffer(bytes)));
  const thread = startThread({ request, recipe: recipe.name, inputs, seed, batchSize, memories }, say);
  try {
    const sha256 = await thread.ask({ do: 'verify', recompute });
    const read = (phase: number, position: number, slot: number): Promise<void> =>
      thread.ask({ do: 'read', phase, position, slot }).then(() => {});
    return {
      ...infoOf(dataset, sha256!),
      batches: (plan) => createReadAhead(inputs, plan, memories, read),
      close: thread.close,
    };
  } catch (error) {
    await thread.close();
    throw error;
  }
}

function infoOf({ source, count, fields }: Dataset, sha256: string): DatasetInfo {
  return { source, count, fields, sha256 };
}

interface Thread {
  /** Resolves with the SHA-256, if one was asked for. */
  ask(request: ThreadRequest): Promise<string | undefined>;
  close(): Promise<void>;
}

function startThread(workerData: ThreadData, say: (sentence: string) => void): Thread {
  // data-thread.ts in the sources, data-thread.js in dist.
  const thread = new Worker(new URL(`data-thread${extname(new URL(import.meta.url).pathname)}`, import.meta.url), { workerData });
  // Answers come in the order of the requests.
  const waiting: { resolve: (sha256: string | undefined) => void; reject: (error: unknown) => void }[] = [];
  let ended: unknown;
  let isClosing = false;
  const end = (error: unknown): void => {
    ended ??= error;
    for (const { reject } of waiting.splice(0)) reject(ended);
  };
  thread.on('message', (answer: ThreadAnswer) => {
    if ('says' in answer) return say(answer.says);
    const { resolve, reject } = waiting.shift()!;
    // Answers that come while it is closed must not let the process go before that is done.
    if (waiting.length === 0 && !isClosing) thread.unref();
    if (answer.done) return resolve(answer.sha256);
    reject(answer.code === undefined ? new Error(answer.reason) : new LockstepError(answer.code, answer.reason));
  });
  thread.on('error', end);
  thread.on('exit', () => end(new Error('The thread that reads data has ended')));
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (ended !== undefined) return reject(ended);
        // The process lives for as long as somebody waits for an answer.
        thread.ref();
        waiting.push({ resolve, reject });
        thread.postMessage(request);
      }),
    async close() {
      isClosing = true;
      thread.ref();
      await thread.terminate();
    },
  };
}
