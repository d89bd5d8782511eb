/**
 * The worker's core: one event in, effects out. A worker is a pure function of (weights, samples, noise key); it remembers only which
 * coordinator asked.
 *
 * No sockets, timers or tensors here; time comes in as `nowMs`.
 */
import type { ErrorCode, Fence, RunSettings } from '@lockstep/shared';
import type { Effect, Event, WorkOrder } from './events.ts';
import type { State } from './state.ts';

/** How long a worker that is asked to stop may go on computing. Schedulers kill 10 seconds later or more. */
const drainMs = 5000;

export function step(state: State, event: Event, nowMs: number): Effect[] {
  if (state.stage === 'ended') return [];
  if (state.stopping !== undefined) return drain(state, state.stopping, event, nowMs);
  switch (event.type) {
    case 'up':
      return seek(state, nowMs, [{ do: 'hello' }]);
    case 'down':
      return state.stage === 'seeking' ? [] : lose(state, nowMs);
    case 'welcome':
      return [{ do: 'share', region: event.region }, ...join(state, event.fence, event.run, nowMs)];
    case 'prepared':
      return finishPreparing(state, event);
    case 'work':
      return takeWork(state, event.fence, event.order);
    case 'lost-weights':
      return isCurrent(state, event.fence) ? [need(event, event.networks, event.damaged)] : [];
    case 'computed':
      return respond(state, event);
    case 'bye':
      return event.ended ? farewell(state, event.reason) : seek(state, nowMs, [{ do: 'hello' }]);
    case 'refuse':
      return exit(state, `The coordinator refused this worker: ${event.reason}`, event.code);
    case 'failed':
      return event.run === undefined || isWanted(state, event.run) ? exit(state, event.reason, event.code) : [];
    case 'stop':
      return stop(state, event, nowMs);
    case 'tick':
      return state.stage === 'seeking' && state.seekDeadlineMs <= nowMs
        ? exit(
            state,
            `No coordinator answered at ${state.options.endpoint} within ${seconds(state)} s (--reconnect-timeout). Start one, or check --connect.`,
            'coordinator-unreachable',
          )
        : [];
  }
}

function seconds(state: State): number {
  return Math.round(state.options.reconnectTimeoutMs / 1000);
}

/** Starts or restarts looking. The time counts from the first loss: repeated losses do not extend it. */
function seek(state: State, nowMs: number, effects: Effect[]): Effect[] {
  if (state.stage !== 'seeking') state.seekDeadlineMs = nowMs + state.options.reconnectTimeoutMs;
  state.stage = 'seeking';
  return effects;
}

/**
 * A lost connection is looked for again. One that breaks over and over before an answer got through (the link may be too slow for this run)
 * is given up after the same time; one that held for that time, or a coordinator that was started anew, starts the count afresh.
 */
function lose(state: State, nowMs: number): Effect[] {
  const { endpoint, reconnectTimeoutMs } = state.options;
  const lasting = nowMs - state.welcomedMs >= reconnectTimeoutMs;
  const { count, sinceMs } = (lasting ? undefined : state.losses) ?? { count: 0, sinceMs: nowMs };
  state.losses = { count: count + 1, sinceMs };
  const effects = seek(state, nowMs, [
    { do: 'say', sentence: `Lost the coordinator at ${endpoint}; looking for it again for ${seconds(state)} s.` },
  ]);
  if (nowMs - sinceMs < reconnectTimeoutMs) return effects;
  const reason = `The connection to the coordinator at ${endpoint} broke ${count + 1} times within ${Math.round((nowMs - sinceMs) / 1000)} s, and no answer got through (--reconnect-timeout is ${seconds(state)} s). The network between them is unreliable, or too slow for networks of this size: use a better one.`;
  return exit(state, reason, 'coordinator-unreachable');
}

function join(state: State, fence: Fence, run: RunSettings, nowMs: number): Effect[] {
  if (state.fence?.term !== fence.term || state.fence.runId !== fence.runId) {
    state.losses = undefined;
    state.newestWorkId = 0;
  }
  state.fence = fence;
  state.welcomedMs = nowMs;
  state.answered = false;
  state.holds = {};
  state.computing = undefined;
  if (state.prepared !== undefined && same(state.prepared.run, run)) {
    state.stage = 'member';
    return [{ do: 'ready', fence, built: state.prepared.built }];
  }
  state.stage = 'preparing';
  if (state.preparing !== undefined && same(state.preparing, run)) return [];
  state.prepared = undefined;
  state.preparing = run;
  return [{ do: 'prepare', run }];
}

/** Compares their text: both came through the protocol's schema, which sets the order of fields. */
function same(a: RunSettings, b: RunSettings): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Networks of a run that has been replaced meanwhile are of no use, and no harm: those of the last WELCOME are being built. */
function isWanted(state: State, run: RunSettings): boolean {
  return state.preparing !== undefined && same(state.preparing, run);
}

function finishPreparing(state: State, { run, built }: Extract<Event, { type: 'prepared' }>): Effect[] {
  if (!isWanted(state, run)) return [];
  state.prepared = { run, built };
  state.preparing = undefined;
  if (state.stage !== 'preparing') return [];
  state.stage = 'member';
  return [{ do: 'ready', fence: state.fence!, built }];
}

/** Whether it belongs to the term and the connection of the last WELCOME. */
function isCurrent(state: State, fence: Fence): boolean {
  return state.stage === 'member' && fence.term === state.fence!.term && fence.runId === state.fence!.runId;
}

function takeWork(state: State, fence: Fence, order: WorkOrder): Effect[] {
  // Numbers of a term rise: any other is a repetition. Its answer would take the place of one that may still be read.
  if (!isCurrent(state, fence) || order.workId <= state.newestWorkId) return [];
  state.newestWorkId = order.workId;
  // It took the answer before this order, or another worker's.
  if (state.answered) state.losses = undefined;
  const lacking = Object.keys(order.versions).filter((network) => state.holds[network] !== order.versions[network]);
  // Everything it lacks: weights that came with an order that is not computed are not kept.
  if (lacking.some((network) => !order.sends.includes(network))) return [need({ fence, workId: order.workId }, lacking, false)];
  for (const network of order.sends) state.holds[network] = order.versions[network]!;
  state.computing = { term: fence.term, workId: order.workId };
  return [{ do: 'compute', fence, order }];
}

function need(
  { fence, workId }: { readonly fence: Fence; readonly workId: number },
  networks: readonly string[],
  damaged: boolean,
): Effect {
  return { do: 'need', fence, workId, networks, damaged };
}

/** Sends the answer if its order is still the last one: after a lost connection or a new order it is useless. */
function respond(state: State, { fence, workId, answer }: Extract<Event, { type: 'computed' }>): Effect[] {
  const { computing } = state;
  if (state.stage !== 'member' || computing?.workId !== workId || computing.term !== fence.term) return [];
  state.computing = undefined;
  state.answered = true;
  return [{ do: 'result', fence, workId, answer }];
}

/** What is being computed is answered first: nobody has to compute it again. */
function stop(state: State, { reason, code }: Extract<Event, { type: 'stop' }>, nowMs: number): Effect[] {
  if (state.stage !== 'member' || state.computing === undefined) return exit(state, reason, code);
  state.stopping = { reason, code, deadlineMs: nowMs + drainMs };
  return [];
}

function drain(state: State, { reason, code, deadlineMs }: NonNullable<State['stopping']>, event: Event, nowMs: number): Effect[] {
  switch (event.type) {
    case 'computed':
      return [...respond(state, event), ...exit(state, reason, code)];
    case 'failed':
      return exit(state, event.reason, event.code);
    case 'down':
    case 'bye':
    case 'refuse':
    case 'welcome':
      // Nobody waits for the answer any more.
      state.stage = 'seeking';
      return exit(state, reason, code);
    default:
      return deadlineMs <= nowMs ? exit(state, reason, code) : [];
  }
}

/** The coordinator has ended, so there is nobody to say LEAVE to. */
function farewell(state: State, reason: string): Effect[] {
  state.stage = 'ended';
  return [{ do: 'exit', reason }];
}

function exit(state: State, reason: string, code?: ErrorCode): Effect[] {
  const effects: Effect[] = [];
  const { fence } = state;
  if ((state.stage === 'member' || state.stage === 'preparing') && fence !== undefined) {
    effects.push({ do: 'leave', fence, code: code ?? 'stopped', reason });
  }
  state.stage = 'ended';
  effects.push({ do: 'exit', reason, ...(code === undefined ? {} : { code }) });
  return effects;
}
