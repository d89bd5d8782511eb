/**
 * Carries out what the worker's core decides. The only impure loop of the worker.
 *
 * Responsible for: one event at a time, its effects in order, and the timer. Not responsible for: decisions (`core/`), frames (`wire/`),
 * computing (`compute/`), flags and signals (`main.ts`).
 */
import type { ClientEvents, ClientTransport, Clock, Frames, LockstepError, Log, RegionOffer, Stop, Timer } from '@lockstep/shared';
import { type Answer, createJobs, freeAnswer, type Jobs, type JobsOptions } from './compute/jobs.ts';
import type { Effect, Event } from './core/events.ts';
import { createState, nextDeadlineMs, type State } from './core/state.ts';
import { step } from './core/step.ts';
import { eventOf } from './wire/inbound.ts';
import { noObserver, type Observer } from './metrics/metrics.ts';
import { framesOf, type Identity, type Sending } from './wire/outbound.ts';
import type { Sharing } from './wire/sharing.ts';

export interface RuntimeOptions extends Pick<JobsOptions, 'createCompute'> {
  /** For messages only: `connect` has it too. */
  readonly endpoint: string;
  readonly connect: (events: ClientEvents) => ClientTransport;
  readonly identity: Identity;
  readonly reconnectTimeoutMs: number;
  readonly sharing: Sharing;
  readonly clock: Clock;
  readonly log: Log;
  /** Told what the worker does, for metrics. */
  readonly observer?: Observer;
  /** May resolve at any time, with a reason. */
  readonly stopRequested: Promise<Stop>;
}

export interface Outcome {
  readonly code?: LockstepError['code'];
  readonly reason: string;
}

/** How long the last messages may take to leave. */
const lingerMs = 500;

/** Takes part in runs until the coordinator, a request to stop or an error ends it. */
export async function runWorker(options: RuntimeOptions): Promise<Outcome> {
  const { endpoint, reconnectTimeoutMs, sharing, clock, log, observer = noObserver } = options;
  const state = createState({ endpoint, reconnectTimeoutMs }, clock.nowMs());
  let end: (outcome: Outcome) => void;
  const ended = new Promise<Outcome>((resolve) => (end = resolve));
  const { handle, close } = createLoop(state, clock, (effect) => perform(effect, options, transport, jobs, end));
  const jobs = createJobs({ createCompute: options.createCompute, clock, log, observer, tell: handle });
  const transport = options.connect({
    up: () => {
      observer.connected(true);
      handle({ type: 'up' });
    },
    down: () => {
      observer.connected(false);
      handle({ type: 'down' });
    },
    message: (frames) => receive(frames, options, handle),
  });
  // Sets the timer for the search.
  handle({ type: 'tick' });
  void options.stopRequested.then((stop) => handle({ type: 'stop', ...stop }));
  const outcome = await ended;
  close();
  await transport.close(lingerMs);
  sharing.close();
  return outcome;
}

/** After every event the timer is set for the core's next deadline. */
function createLoop(state: State, clock: Clock, perform: (effect: Effect) => void) {
  let timer: Timer | undefined;
  const handle = (event: Event): void => {
    for (const effect of step(state, event, clock.nowMs())) perform(effect);
    timer?.cancel();
    const deadlineMs = nextDeadlineMs(state);
    if (deadlineMs !== undefined) timer = clock.after(Math.max(0, deadlineMs - clock.nowMs()), () => handle({ type: 'tick' }));
  };
  return { handle, close: () => timer?.cancel() };
}

function receive(frames: Frames, { sharing, log, identity }: RuntimeOptions, handle: (event: Event) => void): void {
  const event = eventOf(frames, identity.peer, sharing.carrier());
  if (event.type === 'ignored') return log.warn(`Ignored ${event.reason} from the coordinator.`);
  handle(event);
}

function perform(effect: Effect, options: RuntimeOptions, transport: ClientTransport, jobs: Jobs, end: (outcome: Outcome) => void): void {
  const { sharing, log } = options;
  switch (effect.do) {
    case 'hello':
    case 'need':
    case 'leave':
      send(effect, options, transport);
      return;
    case 'ready':
      log.info(`Joined the run ${effect.fence.runId} at ${options.endpoint}.`);
      send(effect, options, transport);
      return;
    case 'result': {
      const answer = effect.answer as Answer;
      const frames = send(effect, options, transport);
      // Header and outcomes only: no frame lies in their memory, they were copied.
      if (frames.length === 2) freeAnswer(answer);
      return;
    }
    case 'share':
      return sharing.open(effect.region as RegionOffer | undefined);
    case 'prepare':
      return jobs.prepare(effect.run);
    case 'compute':
      return jobs.compute(effect);
    case 'say':
      return log.info(effect.sentence);
    case 'exit':
      return end({ reason: effect.reason, ...(effect.code === undefined ? {} : { code: effect.code }) });
  }
}

function send(effect: Sending, options: RuntimeOptions, transport: ClientTransport): Frames {
  const { identity, sharing, clock, observer = noObserver } = options;
  const startMs = clock.nowMs();
  const frames = framesOf(effect, identity, sharing.offer, sharing.carrier(), clock.nowMs);
  const framedMs = clock.nowMs();
  if (effect.do === 'result') observer.spent('serialise', (framedMs - startMs) / 1000);
  transport.send(frames);
  if (effect.do === 'result') {
    observer.spent('send', (clock.nowMs() - framedMs) / 1000);
    observer.answered((effect.answer as Answer).task);
  }
  return frames;
}
