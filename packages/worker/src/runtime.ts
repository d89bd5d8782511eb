/**
 * Carries out the effects of the worker's core: the socket, the timer, the backend. The only impure loop of the worker.
 *
 * Not responsible for: decisions (`core/`), arithmetic (`compute.ts`), flags and signals (`main.ts`).
 */
import { setImmediate } from 'node:timers/promises';
import {
  type Carrier,
  connect,
  createRegion,
  createShmCarrier,
  decode,
  encode,
  type Fence,
  freeFlat,
  inlineCarrier,
  isErrorCode,
  LockstepError,
  type Log,
  openRegion,
  protocolVersion,
  type Recipe,
  type RegionOffer,
  type RegionReader,
  type Result,
  type RunSettings,
  toWorker,
  type ToWorker,
  type Work,
} from '@lockstep/shared';
import type { Backend } from './backends/backend.ts';
import { inExecution } from './backends/execution.ts';
import { type Compute, createCompute } from './compute/compute.ts';
import type { Effect, Event, WorkOrder } from './core/events.ts';
import { createState, nextDeadlineMs } from './core/state.ts';
import { step } from './core/step.ts';

export interface RuntimeOptions {
  readonly endpoint: string;
  readonly peer: string;
  readonly identity: { readonly version: string; readonly name: string; readonly host: string; readonly pid: number };
  readonly reconnectTimeoutMs: number;
  readonly backend: Backend;
  /** The recipe of this name and hash, or a LockstepError that says what to do. */
  readonly findRecipe: (wanted: RunSettings['recipe']) => Promise<Recipe>;
  readonly log: Log;
}

export interface Outcome {
  readonly code?: LockstepError['code'];
  readonly reason: string;
}

/** How long farewells may take to leave. */
const lingerMs = 500;

/** Takes part in runs until the coordinator, a signal or an error ends it. `stopRequested` may resolve at any time with a reason. */
export async function runWorker(options: RuntimeOptions, stopRequested: Promise<string>): Promise<Outcome> {
  const { backend, log } = options;
  const nowMs = (): number => performance.now();
  const state = createState({ endpoint: options.endpoint, reconnectTimeoutMs: options.reconnectTimeoutMs }, nowMs());
  let timer: NodeJS.Timeout | undefined;
  let compute: Compute | undefined;
  let fingerprint = '';
  /** One computation at a time, in the order they were asked for. */
  let queue: Promise<void> = Promise.resolve();
  /** Not the WORK's number: another life of the coordinator counts from the beginning. */
  let answers = 0;
  let answer: Pick<Result, 'task' | 'nodes' | 'outcomes' | 'computeSeconds'> & { flats: Float32Array[] };
  let end: (outcome: Outcome) => void;
  const ended = new Promise<Outcome>((resolve) => {
    end = resolve;
  });

  // One answer at a time, whatever it answers: the coordinator has read it before it asks for the next.
  const own = createRegion(1);
  let peers: RegionReader | undefined;
  let carrier: Carrier = inlineCarrier;

  const transport = connect(options.endpoint, options.peer, {
    up: () => handle({ type: 'up' }),
    down: () => handle({ type: 'down' }),
    message: (frames) => {
      const decoded = decode(toWorker, frames);
      if (decoded.ok) return handleMessage(decoded.message, decoded.frames);
      if (decoded.version !== undefined) {
        const sentence = `The coordinator speaks protocol version ${decoded.version}, this worker ${protocolVersion}: install the same Lockstep version on both.`;
        return handle({ type: 'failed', code: 'version-mismatch', reason: sentence });
      }
      log.warn(`Ignored ${decoded.reason} from the coordinator.`);
    },
  });
  handle({ type: 'tick' });
  void stopRequested.then((reason) => handle({ type: 'stop', reason }));
  const outcome = await ended;
  clearTimeout(timer);
  await transport.close(lingerMs);
  peers?.close();
  own?.close();
  return outcome;

  function handle(event: Event): void {
    for (const effect of step(state, event, nowMs())) perform(effect);
    clearTimeout(timer);
    const deadline = nextDeadlineMs(state);
    if (deadline !== undefined) timer = setTimeout(() => handle({ type: 'tick' }), Math.max(0, deadline - nowMs()));
  }

  function handleMessage(message: ToWorker, frames: readonly Uint8Array[]): void {
    if (message.peer !== options.peer) return;
    const { runId, term, peer, round } = message;
    const fence: Fence = { runId, term, peer, round };
    switch (message.type) {
      case 'welcome': {
        share(message.region);
        return handle({ type: 'welcome', fence, run: message.run });
      }
      case 'work':
        return handle(workEvent(message, frames, fence, carrier));
      case 'refuse':
        return handle({ type: 'refuse', code: isErrorCode(message.code) ? message.code : 'refused', reason: message.reason });
      case 'bye':
        return handle({ type: 'bye', ended: message.ended, reason: message.reason });
    }
  }

  function perform(effect: Effect): void {
    switch (effect.do) {
      case 'hello':
        return send({
          type: 'hello',
          peer: options.peer,
          ...options.identity,
          backend: backend.name,
          device: backend.device,
          ...(own === undefined ? {} : { region: own.offer }),
        });
      case 'prepare':
        return enqueue(() => prepare(effect.run));
      case 'ready':
        log.info(`Joined the run ${effect.fence.runId} at ${options.endpoint}.`);
        return send({ type: 'ready', ...effect.fence, manifests: compute!.manifests, fingerprint, carrier: carrier.name });
      case 'compute':
        return enqueue(() => carryOut(effect.fence, effect.order));
      case 'result': {
        const { flats, ...fields } = answer;
        answers += 1;
        const room = Math.max(...Object.values(compute!.manifests).map(({ length }) => length));
        const { payload, frames } = carrier.pack(
          flats.map((flat, index) => ({ key: String(index), version: answers, room, live: flat, snapshot: () => flat })),
        );
        send({ type: 'result', ...effect.fence, workId: effect.workId, ...fields, payload }, frames);
        // No frame lies in their memory: they were copied.
        if (frames.length === 0) flats.forEach(freeFlat);
        return;
      }
      case 'need':
        return send({ type: 'need', ...effect.fence, workId: effect.workId, networks: effect.networks });
      case 'leave':
        return send({ type: 'leave', ...effect.fence, code: effect.code, reason: effect.reason.slice(0, 2000) });
      case 'say':
        return log.info(effect.sentence);
      case 'exit':
        return end({ reason: effect.reason, ...(effect.code === undefined ? {} : { code: effect.code }) });
    }
  }

  /** Opens the coordinator's memory, if it offered it: then both sides use it. */
  function share(region: RegionOffer | undefined): void {
    peers?.close();
    peers = region === undefined ? undefined : openRegion(region);
    carrier = own === undefined || peers === undefined ? inlineCarrier : createShmCarrier(own, peers);
  }

  function send(message: Parameters<typeof encode>[0], frames?: readonly Uint8Array[]): void {
    transport.send(encode(message, frames));
  }

  function enqueue(job: () => Promise<void>): void {
    queue = queue.then(job).catch((error: unknown) => {
      if (!(error instanceof LockstepError)) log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
      handle(failure(error));
    });
  }

  async function prepare(run: RunSettings): Promise<void> {
    compute?.dispose();
    compute = undefined;
    const recipe = await options.findRecipe(run.recipe);
    compute = await createCompute({ backend: inExecution(run.execution, backend), recipe, run });
    fingerprint = await compute.fingerprint();
    handle({ type: 'prepared' });
  }

  async function drawAhead(round: number, shards: readonly number[]): Promise<void> {
    // The result leaves first.
    await setImmediate();
    compute?.drawAhead({ round, shards });
  }

  async function carryOut(fence: Fence, order: WorkOrder): Promise<void> {
    const { weights, samples, sampleBytes } = order.payload as WorkPayload;
    const startMs = nowMs();
    for (const [index, network] of order.sends.entries()) compute!.setWeights(network, order.versions[network]!, weights[index]!);
    if (order.task === 'generate') {
      const pictures = await compute!.generate({ pictures: order.pictures });
      answer = {
        task: 'generate',
        nodes: [],
        outcomes: [],
        computeSeconds: (nowMs() - startMs) / 1000,
        flats: [pictures],
      };
    } else {
      const {
        nodes,
        flats: gradients,
        outcomes,
      } = await compute!.gradient({
        phase: order.phase,
        round: fence.round,
        shards: order.shards,
        samples: new Uint8Array(samples.buffer, samples.byteOffset, sampleBytes),
      });
      answer = {
        task: 'gradient',
        nodes,
        outcomes,
        computeSeconds: (nowMs() - startMs) / 1000,
        flats: gradients,
      };
    }
    handle({ type: 'computed', fence, workId: order.workId });
    // While the coordinator is at work: most often, the next round brings the same shards.
    if (order.task === 'gradient') enqueue(() => drawAhead(fence.round + 1, order.shards));
  }
}

interface WorkPayload {
  readonly weights: readonly Float32Array[];
  /** `sampleBytes` uint8. */
  readonly samples: Float32Array;
  readonly sampleBytes: number;
}

const noSamples = new Float32Array(0);

/**
 * Weights and samples stay where they are, in the coordinator's memory over `shm`. It writes there again only two versions later, when the
 * round of this order is long over, and with it whatever a straggler still computes from them.
 */
function workEvent(message: Work, frames: readonly Uint8Array[], fence: Fence, carrier: Carrier): Event {
  const unpacked = carrier.unpack(message.payload, frames);
  // The weights have been replaced since: this order comes late, and another is on its way.
  if (unpacked === undefined && message.payload.carrier === 'shm')
    return { type: 'lost-weights', fence, workId: message.workId, networks: message.sends };
  const { workId, task, phase, shards, pictures, versions, sends, sampleBytes } = message;
  const weights = unpacked?.slice(0, sends.length) ?? [];
  const [samples = noSamples, ...others] = unpacked?.slice(sends.length) ?? [];
  if (weights.length !== sends.length || others.length > 0 || samples.length !== Math.ceil(sampleBytes / 4)) {
    return { type: 'failed', code: 'compute-failed', reason: 'The coordinator sent a WORK whose frames do not fit its header.' };
  }
  const payload: WorkPayload = { weights, samples, sampleBytes };
  return { type: 'work', fence, order: { workId, task, phase, shards, pictures, versions, sends, payload } };
}

function failure(error: unknown): Event {
  if (error instanceof LockstepError) return { type: 'failed', code: error.code, reason: error.message };
  const detail = error instanceof Error ? error.message : String(error);
  return { type: 'failed', code: 'compute-failed', reason: `The backend failed: ${detail.split('\n')[0]}` };
}
