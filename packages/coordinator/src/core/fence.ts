/** Fencing (invariant I3): a message counts only if its run, term, peer, round and WORK match what the core knows now. */
import type { DropReason } from './effects.ts';
import type { Event } from './events.ts';
import type { State } from './state.ts';

/** Why a message must be ignored, or undefined. `ready` and `leave` are about a worker, not a round, so their round is not compared. */
export function dropReasonOf(state: State, event: Extract<Event, { fence: unknown }>): DropReason | undefined {
  const { fence } = event;
  if (fence.runId !== state.plan.runId) return 'other-run';
  if (fence.term !== state.plan.term) return 'other-term';
  const worker = state.workers.get(event.peer);
  if (worker === undefined || fence.peer !== worker.peer) return 'unknown-worker';
  if (event.type === 'ready' || event.type === 'leave') return undefined;
  if (fence.round !== state.cursor.round) return 'other-round';
  if (event.workId !== worker.work?.id) return 'unasked';
  return worker.shards.length > 0 ? undefined : 'superseded';
}
