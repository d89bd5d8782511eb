/**
 * Carries out what the coordinator's core decides. The only impure loop of a run.
 *
 * Responsible for: one event at a time, its effects in order, and the timer. Not responsible for: decisions (`core/`), frames (`wire/`),
 * numbers (`training/`), what a run writes and reports (`reporting/recorder.ts`), or starting and ending the process (`session.ts`).
 */
import {
  type Clock,
  type Failure,
  type Frames,
  LockstepError,
  type Manifests,
  type Parts,
  ready,
  type ServerTransport,
  type Timer,
  withPauses,
} from '@lockstep/shared';
import type { Cursor } from './core/cursor.ts';
import type { Effect } from './core/effects.ts';
import type { Event } from './core/events.ts';
import { nextDeadlineMs } from './core/deadline.ts';
import { createState, type Start, type State } from './core/state.ts';
import { step } from './core/step.ts';
import type { RunRecorder } from './reporting/recorder.ts';
import type { Trace } from './reporting/trace/trace.ts';
import type { Model } from './training/model.ts';
import type { NotFinite } from './training/round.ts';
import { createTrainer, type Trainer, type TrainerOptions } from './training/trainer.ts';
import type { Carriers } from './wire/carriers.ts';
import { eventOf, type Expected } from './wire/inbound.ts';
import { framesOf, type Sending } from './wire/outbound.ts';

export interface RuntimeOptions extends TrainerOptions {
  readonly start: Start;
  readonly transport: ServerTransport;
  readonly carriers: Carriers;
  readonly recorder: RunRecorder;
  /** Hears after every event who takes part. */
  readonly participants?: ((workers: State['workers']) => void) | undefined;
  /** Sees every event and effect, with times. */
  readonly trace?: Trace | undefined;
  readonly clock: Clock;
}

export interface Ending extends Pick<Extract<Effect, { do: 'finish' }>, 'outcome' | 'reason' | 'code'> {
  /** A bug of ours that ended the run. */
  readonly bug?: unknown;
}

export interface Runtime {
  /** Resolves when the core has finished; the last messages have left by then. */
  readonly ended: Promise<Ending>;
  stop(reason: string): void;
  spawnGaveUp(failure: Failure): void;
  /** The checkpoint that was being written is, or has failed. */
  checkpointSettled(): void;
  readonly state: State;
  /** Undefined until the first worker is ready. */
  model(): Model | undefined;
}

/** How long the last messages may take to leave. */
const lingerMs = 300;

export function startRuntime(options: RuntimeOptions): Runtime {
  const { plan, start, transport, carriers, recorder, trace, clock } = options;
  const state = createState(plan, start, clock.nowMs());
  const trainer = createTrainer(options);
  const expected: Expected = {
    state,
    carriers,
    answerLength: trainer.answerLength,
    allocate: trainer.allocate,
    shared: (bytes) => recorder.bytes('shm', 'received', bytes),
  };
  let end: (ending: Ending) => void;
  const ending = new Promise<Ending>((resolve) => (end = resolve));
  const act: Act = (effect, answer) => perform(effect, options, trainer, answer, end);
  const { take, close, failure } = createLoop(state, clock, trace === undefined ? act : traced(act, trace, clock), trace, settle);

  const handle = (event: Event): void => take(ready(event));

  function settle(): void {
    carriers.retain(state.workers);
    options.participants?.(state.workers);
    recorder.stateChanged(state);
  }

  transport.serve({
    message: (peer, pieces) => {
      recorder.bytes('inline', 'received', byteLength(pieces));
      take(eventOf(peer, pieces, expected));
    },
    down: (peer) => handle({ type: 'down', peer }),
  });
  // Before anything happens: the first state is waiting, and the log should say at once which workers are missing.
  settle();
  return {
    ended: ending.then(async (result) => {
      close();
      await transport.close(lingerMs);
      carriers.close();
      await trace?.close();
      return failure() ?? result;
    }),
    stop: (reason) => handle({ type: 'stop', reason }),
    spawnGaveUp: (failure) => handle({ type: 'spawn-gave-up', ...failure }),
    checkpointSettled: () => handle({ type: 'checkpoint-settled' }),
    state,
    model: trainer.model,
  };
}

/** Takes the event to handle next, before anything else; with `after`, once that has resolved. */
type Answer = (event: Event, after?: Promise<void>) => void;
type Act = (effect: Effect, answer: Answer) => Parts<void>;

function traced(act: Act, trace: Trace, clock: Clock): Act {
  return function* (effect, answer) {
    const startMs = clock.nowMs();
    yield* act(effect, answer);
    trace.effect(effect, startMs, clock.nowMs());
  };
}

/**
 * One event at a time. If an effect answers (a commit does), that answer is handled next, before anything else: at once, or when what it
 * waits for is there, and until then other events wait too. At the start and after every event the timer is set for the core's next deadline, and the recorder sees the state.
 *
 * Reading long messages and effects on long flats pause between their parts, so that the process answers whoever asks it; events that come
 * meanwhile wait.
 */
function createLoop(state: State, clock: Clock, act: Act, trace: Trace | undefined, settled: () => void) {
  /** A message becomes an event when its turn comes: what it is checked against is then what the core will judge it by. */
  const queue: Parts<Event>[] = [];
  let draining = false;
  let timer: Timer | undefined;
  let failure: Ending | undefined;
  const goOn = (): void => withPauses(drain(), (next) => clock.after(0, next));
  /** What the event at the head of the queue waits for. */
  let gate: Promise<void> | undefined;

  function take(arrived: Parts<Event>): void {
    queue.push(arrived);
    if (!draining) goOn();
  }

  function* drain(): Parts<void> {
    draining = true;
    while (gate === undefined && queue.length > 0) {
      const next = yield* read(queue.shift()!, fail);
      if (next === undefined) continue;
      const nowMs = clock.nowMs();
      trace?.event(next, nowMs);
      yield* carryOut(step(state, next, nowMs));
    }
    if (gate !== undefined) return void gate.then(open, (error: unknown) => open(error));
    draining = false;
    arm();
    settled();
  }

  /** With an error, the event that was waiting is not handled: the run ends. */
  function open(error?: unknown): void {
    gate = undefined;
    if (error !== undefined) {
      queue.shift();
      fail(error);
    }
    goOn();
  }

  /** Nothing escapes: an effect that fails ends the run in order, and once it ends, in any way, farewells and `finish` still go out. */
  function* carryOut(effects: readonly Effect[]): Parts<void> {
    for (const effect of effects) {
      try {
        yield* act(effect, (answer, after) => {
          queue.unshift(ready(answer));
          gate = after;
        });
      } catch (error) {
        fail(error);
        if (state.stage !== 'ended') return;
      }
    }
  }

  function fail(error: unknown): void {
    failure ??= endingAfter(error);
    if (state.stage !== 'ended') queue.unshift(ready({ type: 'effect-failed', code: failure.code, reason: failure.reason }));
  }

  function arm(): void {
    timer?.cancel();
    const deadlineMs = nextDeadlineMs(state);
    if (deadlineMs !== undefined && state.stage !== 'ended')
      timer = clock.after(Math.max(1, deadlineMs - clock.nowMs()), () => take(ready({ type: 'tick' })));
  }

  arm();
  settled();
  return { take, close: () => timer?.cancel(), failure: () => failure };
}

/** Undefined if that fails, for want of memory perhaps: the run then ends as after an effect that fails. */
function* read(arrived: Parts<Event>, fail: (error: unknown) => void): Parts<Event | undefined> {
  try {
    return yield* arrived;
  } catch (error) {
    fail(error);
    return undefined;
  }
}

/** How a run ends whose effect threw this. */
function endingAfter(error: unknown): Ending {
  if (error instanceof LockstepError) return { outcome: 'failed', code: error.code, reason: error.message };
  const reason = error instanceof Error ? error.message : String(error);
  if (!(error instanceof RangeError && reason.includes('allocation failed'))) return { outcome: 'failed', reason, bug: error };
  const sentence = `This machine does not give the memory that training needs (${reason}). Free memory, raise the limit on address space (ulimit -v), or make the networks smaller.`;
  return { outcome: 'failed', code: 'compute-failed', reason: sentence };
}

function* perform(effect: Effect, options: RuntimeOptions, trainer: Trainer, answer: Answer, end: (ending: Ending) => void): Parts<void> {
  const { recorder } = options;
  switch (effect.do) {
    case 'welcome':
    case 'refuse':
    case 'bye':
    case 'assign':
      return yield* send(effect, options, trainer);
    case 'settle':
      return options.carriers.settle(effect.peer, effect.carrier);
    case 'initialise':
      return yield* trainer.initialise(effect.manifests as Manifests);
    case 'begin':
      trainer.begin(effect.task, effect.cursor);
      return recorder.began(effect.task, effect.cursor);
    case 'measure':
      return recorder.measured(effect);
    case 'accept':
      return yield* trainer.accept(effect);
    case 'commit': {
      const committed = yield* trainer.commit();
      if ('reason' in committed) {
        // The first time the same samples are needed again, the second time the next ones.
        const after = effect.isRepeated ? untilNext(effect.cursor, options, trainer) : undefined;
        return answer({ type: 'diverged', reason: committed.reason, figures: committed }, after);
      }
      recorder.committed(committed);
      return answer({ type: 'committed' }, untilNext(effect.cursor, options, trainer));
    }
    case 'skip':
      return recorder.skipped(effect.figures as NotFinite);
    case 'complete-step':
      return recorder.stepCompleted(effect.cursor);
    case 'save-grid':
      return recorder.grid(effect.step, effect.pictures as Float32Array);
    case 'checkpoint':
      return yield* checkpoint(effect, options, trainer);
    case 'record':
      return recorder.record(effect.entry);
    case 'count-reassigned':
      return recorder.reassigned(effect.shards);
    case 'count-copied':
      return recorder.copied(effect.shards);
    case 'count-nonfinite':
      return recorder.nonfinite(effect.cursor);
    case 'count-audited':
      return recorder.audited(effect.shards);
    case 'count-dropped':
      return recorder.dropped(effect.reason);
    case 'count-damaged':
      return recorder.damaged(effect.direction);
    case 'finish':
      return end(effect);
  }
}

/** The wait for the samples of the next round, if there is one. */
function untilNext(cursor: Cursor, { recorder, clock }: RuntimeOptions, trainer: Trainer): Promise<void> | undefined {
  const startMs = clock.nowMs();
  return trainer.untilNext(cursor)?.then(() => recorder.spent('data', (clock.nowMs() - startMs) / 1000));
}

function* checkpoint(effect: Extract<Effect, { do: 'checkpoint' }>, { recorder, clock }: RuntimeOptions, trainer: Trainer): Parts<void> {
  const startMs = clock.nowMs();
  recorder.checkpoint(effect, yield* trainer.save(effect.isLast));
  recorder.spent('checkpoint', (clock.nowMs() - startMs) / 1000);
}

function* send(effect: Sending, options: RuntimeOptions, trainer: Trainer): Parts<void> {
  const { plan, carriers, transport, recorder, trace, clock } = options;
  const shared = (bytes: number): void => recorder.bytes('shm', 'sent', bytes);
  if (effect.do === 'refuse') recorder.refused(effect.code);
  if (effect.do === 'assign') recorder.assigned(effect.worker);
  const startMs = clock.nowMs();
  let loadedMs = startMs;
  const load: Trainer['load'] = function* (assign) {
    const loaded = yield* trainer.load(assign);
    loadedMs = clock.nowMs();
    return loaded;
  };
  const frames = yield* framesOf(effect, { plan, carriers, timed: trace !== undefined, load, shared });
  const framedMs = clock.nowMs();
  recorder.bytes('inline', 'sent', byteLength(frames));
  trace?.sending(framedMs);
  transport.send(effect.to, frames);
  if (effect.do !== 'assign') return;
  recorder.spent('data', (loadedMs - startMs) / 1000);
  recorder.spent('serialise', (framedMs - loadedMs) / 1000);
  recorder.spent('send', (clock.nowMs() - framedMs) / 1000);
}

function byteLength(frames: Frames): number {
  return frames.reduce((sum, frame) => sum + frame.byteLength, 0);
}
