/**
 * Carries out the effects of the coordinator's core: messages, the timer, tensors. The only impure loop of a run.
 *
 * Responsible for: turning frames into events and effects into I/O, in order. Not responsible for: decisions (`core/`), arithmetic
 * (`round.ts`, `model.ts`), what a run writes and tells (`recorder.ts`), or starting and ending the process (`main.ts`).
 */
import {
  createArena,
  createFlatPool,
  decode,
  encode,
  type FlatPool,
  type KeyedFlat,
  manifestFault,
  type Manifests,
  type Message,
  type PeerId,
  protocolVersion,
  type RegionOffer,
  type Result,
  type ServerEvents,
  type ServerTransport,
  toCoordinator,
  type ToCoordinator,
  version,
} from '@lockstep/shared';
import { describe, type Description } from './core/describe.ts';
import type { Effect } from './core/effects.ts';
import type { Event } from './core/events.ts';
import type { Plan } from './core/plan.ts';
import { createState, nextDeadlineMs, type Start, type State } from './core/state.ts';
import { step } from './core/step.ts';
import type { Recorder } from './reporting/recorder.ts';
import type { Carriers } from './wire/carriers.ts';
import { snapshotWeights, type Model } from './training/model.ts';
import { beginRound, type Round, type RoundOptions } from './training/round.ts';

export interface RuntimeOptions {
  readonly plan: Plan;
  readonly start: Start;
  readonly recipe: RoundOptions['recipe'];
  readonly dataset: RoundOptions['dataset'];
  readonly stream: RoundOptions['stream'];
  readonly carriers: Carriers;
  /** The model of a checkpoint, if the run is resumed. */
  readonly restored: Model | undefined;
  /** The start of a new run, once the first worker has reported the manifests. */
  readonly createModel: (manifests: Manifests) => Model;
  readonly listen: (events: ServerEvents) => Promise<ServerTransport>;
  readonly recorder: Recorder;
  /** Monotonic. */
  readonly nowMs: () => number;
}

export type Ending = Pick<Extract<Effect, { do: 'finish' }>, 'outcome' | 'reason' | 'code'>;

export interface Runtime {
  readonly endpoint: string;
  /** Resolves when the core has finished; farewells have left by then. */
  readonly ended: Promise<Ending>;
  stop(reason: string): void;
  spawnGaveUp(reason: string): void;
  describe(): Description;
  readonly state: State;
  /** Undefined until the first worker is ready. */
  model(): Model | undefined;
}

/** How long farewells may take to leave. */
const lingerMs = 300;

export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { plan, carriers, recorder, nowMs } = options;
  const state = createState(plan, options.start, nowMs());
  let model = options.restored;
  let round: Round | undefined;
  let pool: FlatPool | undefined;
  let pictures: Float32Array | undefined;
  let reported: Manifests | undefined;
  let offered: RegionOffer | undefined;
  let timer: NodeJS.Timeout | undefined;
  /** For the samples of one WORK after the other, in whole float32. */
  const sampleMemory = new Uint8Array(Math.ceil((plan.run.batchSize * options.dataset.pixels) / 4) * 4);
  const queue: Event[] = [];
  let draining = false;
  let end: (ending: Ending) => void;
  const ending = new Promise<Ending>((resolve) => {
    end = resolve;
  });

  const transport = await options.listen({
    message: (peer, frames) => {
      recorder.bytes('received', byteLength(frames));
      const decoded = decode(toCoordinator, frames);
      if (decoded.ok) {
        return handle(toEvent(peer, decoded.message, decoded.frames));
      }
      const code = decoded.version === undefined ? 'refused' : 'version-mismatch';
      const advice = decoded.version === undefined ? '' : `: install Lockstep ${version} (protocol ${protocolVersion}) there`;
      return handle({ type: 'malformed', peer, code, reason: `It sent ${decoded.reason}${advice}.` });
    },
    down: (peer) => handle({ type: 'down', peer }),
  });
  arm();

  return {
    endpoint: transport.endpoint,
    ended: ending.then(async (result) => {
      clearTimeout(timer);
      await transport.close(lingerMs);
      carriers.close();
      return result;
    }),
    stop: (reason) => handle({ type: 'stop', reason }),
    spawnGaveUp: (reason) => handle({ type: 'spawn-gave-up', reason }),
    describe: () => describe(state),
    state,
    model: () => model,
  };

  /** One event at a time: an effect that yields an event at once (a commit) has it handled next, before anything else. */
  function handle(event: Event): void {
    queue.push(event);
    if (draining) return;
    draining = true;
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      for (const effect of step(state, next, nowMs())) perform(effect);
    }
    draining = false;
    carriers.retain(state.workers);
    arm();
    recorder.stateChanged(state);
  }

  function arm(): void {
    clearTimeout(timer);
    const deadline = nextDeadlineMs(state);
    if (deadline !== undefined && state.stage !== 'ended')
      timer = setTimeout(() => handle({ type: 'tick' }), Math.max(1, deadline - nowMs()));
  }

  function toEvent(peer: PeerId, message: ToCoordinator, frames: readonly Uint8Array[]): Event {
    if (message.type === 'hello') {
      const { name, host, pid, backend, device } = message;
      offered = message.region;
      return { type: 'hello', peer, name, host, pid, backend, device };
    }
    const { runId, term, round } = message;
    const fence = { runId, term, peer: message.peer, round };
    switch (message.type) {
      case 'ready': {
        const fault = manifestFault(message.manifests, plan.networks);
        if (fault !== undefined)
          return { type: 'malformed', peer, code: 'recipe-mismatch', reason: `Its networks are not the recipe's: ${fault}.` };
        reported = message.manifests;
        carriers.settle(peer, message.carrier);
        return {
          type: 'ready',
          peer,
          fence,
          manifestKey: manifestKeyOf(message.manifests),
          fingerprint: message.fingerprint,
          carrier: message.carrier,
        };
      }
      case 'result': {
        // What is not of this round will be dropped by the core, and its memory may be in use for something else by now.
        // Gradients are added from where they lie (`round.ts`). Pictures are kept for as long as they are drawn.
        const allocate = message.task === 'gradient' ? undefined : (length: number) => new Float32Array(length);
        const flats = isOfRound(peer, message) ? carriers.of(peer).unpack(message.payload, frames, allocate) : [];
        if (flats === undefined || (isOfRound(peer, message) && !fitsRound(message, flats))) {
          return { type: 'malformed', peer, code: 'refused', reason: 'It sent a RESULT whose tensors do not fit the round.' };
        }
        const { workId, task, nodes, outcomes } = message;
        recorder.computed(state.workers.get(peer)?.name, message.computeSeconds);
        return { type: 'result', peer, fence, workId, task, nodes, outcomes, payload: flats };
      }
      case 'need':
        return { type: 'need', peer, fence, workId: message.workId, networks: message.networks };
      case 'leave':
        return { type: 'leave', peer, fence, code: message.code, reason: message.reason };
    }
  }

  /** `peer` is a name of ZeroMQ's own where a worker has connected anew before its last words over the old connection were read. */
  function isOfRound(peer: PeerId, message: Result): boolean {
    return (
      message.term === plan.term && message.round === state.cursor.round && message.task === state.task?.kind && state.workers.has(peer)
    );
  }

  /** Whether tensors have the sizes that the round needs. */
  function fitsRound(message: Result, flats: readonly Float32Array[]): boolean {
    if (message.task === 'generate') return flats.length === 1 && flats[0]!.length === plan.pictures * options.dataset.pixels;
    const { length } = model!.get(plan.phases[state.cursor.phase]!.updates)!.manifest;
    return flats.length === message.nodes.length && flats.every((flat) => flat.length === length);
  }

  function perform(effect: Effect): void {
    switch (effect.do) {
      case 'welcome': {
        const region = carriers.greet(effect.to, offered);
        const header = {
          type: 'welcome',
          ...fence(effect.to, effect.round),
          run: plan.run,
        } as const;
        return send(effect.to, region === undefined ? header : { ...header, region });
      }
      case 'refuse':
        return send(effect.to, { type: 'refuse', ...fence(effect.to, effect.round), code: effect.code, reason: effect.reason });
      case 'bye':
        return send(effect.to, { type: 'bye', ...fence(effect.to, effect.round), ended: effect.ended, reason: effect.reason });
      case 'initialise':
        model = options.createModel(reported!);
        return recorder.initialised(model, effect.fingerprint);
      case 'begin':
        pool ??= createSumPool(plan.run.shardCount, model!);
        round =
          effect.task === 'gradient'
            ? beginRound({ ...options, run: plan.run, model: model!, sampleMemory, pool }, effect.cursor)
            : undefined;
        return recorder.began(effect.task);
      case 'assign':
        return assign(effect);
      case 'accept': {
        const flats = effect.payload as readonly Float32Array[];
        if (round === undefined) [pictures] = flats;
        else round.accept(effect.nodes, flats, effect.outcomes);
        return;
      }
      case 'commit': {
        const committed = round!.commit();
        if (typeof committed === 'string') return void queue.unshift({ type: 'diverged', reason: committed });
        recorder.committed(committed);
        return void queue.unshift({ type: 'committed' });
      }
      case 'complete-step':
        return recorder.stepCompleted(effect.cursor);
      case 'save-grid':
        return recorder.sample(effect.step, pictures!);
      case 'checkpoint':
        return recorder.checkpoint(effect.cursor, model!);
      case 'record':
        return recorder.record(effect.entry);
      case 'count':
        return effect.what === 'shards-reassigned' ? recorder.reassigned(effect.by) : recorder.dropped(effect.reason);
      case 'finish':
        return end(effect);
    }
  }

  function assign(effect: Extract<Effect, { do: 'assign' }>): void {
    const { to, workId, task, cursor, shards, versions, sends } = effect;
    round?.detach();
    const weights = sends.map((name) => {
      const network = model!.get(name)!;
      return { key: name, version: network.version, live: network.weights, snapshot: () => snapshotWeights(network) };
    });
    const samples = round?.samples(shards) ?? sampleMemory.subarray(0, 0);
    const batch = samples.length === 0 ? [] : [sampleFlat(samples, shards, workId)];
    const { payload, frames } = carriers.of(to).pack([...weights, ...batch]);
    const header: Message = {
      type: 'work',
      ...fence(to, cursor.round),
      workId,
      task,
      phase: cursor.phase,
      shards,
      pictures: task === 'generate' ? plan.pictures : 0,
      versions,
      sends,
      sampleBytes: samples.length,
      payload,
    };
    send(to, header, frames);
  }

  function fence(peer: PeerId, roundNumber: number): { runId: string; term: number; peer: string; round: number } {
    return { runId: plan.runId, term: plan.term, peer, round: roundNumber };
  }

  function send(to: PeerId, message: Message, payload?: readonly Uint8Array[]): void {
    const frames = encode(message, payload);
    recorder.bytes('sent', byteLength(frames));
    transport.send(to, frames);
  }
}

/** Memory for the sums of a round (`reduce.ts`), of any network. */
function createSumPool(shardCount: number, model: Model): FlatPool {
  const count = Math.ceil(shardCount / 2);
  const longest = Math.max(...[...model.values()].map(({ manifest }) => manifest.length));
  return createFlatPool(count, createArena(count, longest), longest);
}

/** Samples as a flat. Whoever lives has other shards, so their first is a key. */
function sampleFlat(samples: Uint8Array, shards: readonly number[], version: number): KeyedFlat {
  const live = new Float32Array(samples.buffer, samples.byteOffset, Math.ceil(samples.length / 4));
  return { key: `samples from shard ${shards[0]}`, version, live, snapshot: () => live.slice() };
}

/** Equal for equal manifests: names, shapes and initializers decide the numbers. */
export function manifestKeyOf(manifests: Manifests): string {
  return JSON.stringify(
    Object.entries(manifests)
      .map(([network, { parameters }]) => [
        network,
        parameters.map(({ name, shape, offset, initializer }) => [name, shape, offset, sorted(initializer)]),
      ])
      .toSorted(([a], [b]) => (a! < b! ? -1 : 1)),
  );
}

function sorted(initializer: object): [string, unknown][] {
  return Object.entries(initializer).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function byteLength(frames: readonly Uint8Array[]): number {
  return frames.reduce((sum, frame) => sum + frame.byteLength, 0);
}
