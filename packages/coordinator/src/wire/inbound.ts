/**
 * From the frames of a worker to an event of the core: decoded, checked against what the round expects, tensors unpacked.
 *
 * Responsible for: checking everything, so that nothing after it has to; what cannot be used becomes `malformed`. Not responsible for:
 * whether a message still counts (`core/fence.ts`), or for the bytes of a message (`shared/protocol/codec.ts`).
 */
import {
  decode,
  isErrorCode,
  manifestFault,
  type Parts,
  type PeerId,
  type Pieces,
  protocolVersion,
  type Ready,
  type Result,
  splitFence,
  toCoordinator,
  type ToCoordinator,
  version,
} from '@lockstep/shared';
import { auditOf } from '../core/audit.ts';
import type { Event } from '../core/events.ts';
import { dropReasonOf } from '../core/fence.ts';
import type { State } from '../core/state.ts';
import { hashOfAnswer } from '../training/hash-of-answer.ts';
import { manifestKeyOf } from '../training/manifest-key.ts';
import { type Carriers, lengthsOf, sharedBytes } from './carriers.ts';

/** What an answer is checked against. Read, never changed. */
export interface Expected {
  readonly state: State;
  readonly carriers: Carriers;
  /** Elements of each flat that answers the task under way. */
  readonly answerLength: () => number;
  /** Memory for a flat of such an answer. */
  readonly allocate: (length: number) => Float32Array;
  /** Told how many bytes of tensors came through shared memory. */
  readonly shared: (bytes: number) => void;
}

/** In parts; nothing it is checked against may change until it is done. */
export function* eventOf(peer: PeerId, pieces: Pieces, expected: Expected): Parts<Event> {
  const decoded = decode(toCoordinator, pieces);
  if (decoded.ok) return yield* eventOfMessage(peer, decoded.message, decoded.frames, expected);
  const code = decoded.version === undefined ? 'refused' : 'version-mismatch';
  const advice = decoded.version === undefined ? '' : `: install Lockstep ${version} (protocol ${protocolVersion}) on its machine`;
  return { type: 'malformed', peer, code, reason: `It sent ${decoded.reason}${advice}.` };
}

function* eventOfMessage(peer: PeerId, message: ToCoordinator, frames: readonly Pieces[], expected: Expected): Parts<Event> {
  switch (message.type) {
    case 'hello':
      return { ...message, peer, region: message.region };
    case 'ready':
      return readyEvent(peer, message, expected);
    case 'result':
      return yield* resultEvent(peer, message, frames, expected);
    case 'need': {
      const { workId, networks, damaged } = message;
      return { type: 'need', peer, fence: splitFence(message).fence, workId, networks, ...(damaged ? { damaged: 'sent' } : {}) };
    }
    case 'leave': {
      // A stop is no error.
      const code = isErrorCode(message.code) && message.code !== 'stopped' ? message.code : undefined;
      return { type: 'leave', peer, fence: splitFence(message).fence, code, reason: message.reason };
    }
  }
}

function readyEvent(peer: PeerId, message: Ready, { state }: Expected): Event {
  const { manifests, fingerprint, carrier } = message;
  const fault = manifestFault(manifests, state.plan.networks);
  if (fault !== undefined)
    return { type: 'malformed', peer, code: 'recipe-mismatch', reason: `Its networks are not the recipe's: ${fault}.` };
  return { type: 'ready', peer, fence: splitFence(message).fence, manifestKey: manifestKeyOf(manifests), fingerprint, carrier, manifests };
}

/** Tensors of an answer that will be dropped are not read: their memory may be in use for something else by now. */
function* resultEvent(peer: PeerId, message: Result, frames: readonly Pieces[], expected: Expected): Parts<Event> {
  const { fence, rest } = splitFence(message);
  const dropped: Event = { type: 'result', peer, fence, ...rest, payload: [] };
  const { state } = expected;
  if (dropReasonOf(state, dropped) !== undefined || message.task !== state.task?.kind) return dropped;
  const isAudited = auditOf(state.task, state.workers.get(peer)!.shards) !== undefined;
  const flats = yield* unpack(peer, message, frames, isAudited, expected);
  // The shards have to be computed again.
  if (flats === 'damaged') return { type: 'need', peer, fence, workId: message.workId, networks: [], damaged: 'received' };
  if (flats === undefined)
    return { type: 'malformed', peer, code: 'refused', reason: 'It sent a RESULT whose tensors do not fit the round.' };
  const audited = isAudited ? { hash: hashOfAnswer(flats, message.outcomes) } : {};
  return { ...dropped, ...audited, payload: message.task === 'generate' ? flats[0] : flats };
}

/**
 * Gradients are summed where they lie (`training/reduce.ts`): in shared memory, or where they were copied to from a message. Pictures are
 * copied, since their grid is drawn later.
 */
function* unpack(
  peer: PeerId,
  message: Result,
  frames: readonly Pieces[],
  isAudited: boolean,
  { carriers, answerLength, allocate, shared }: Expected,
): Parts<Float32Array[] | 'damaged' | undefined> {
  const { task, nodes, payload } = message;
  const lengths = lengthsOf(payload);
  const count = task === 'gradient' ? nodes.length : 1;
  if (lengths.length !== count || lengths.some((length) => length !== answerLength())) return undefined;
  // An audited answer may only be compared: the sum would not give its memory back.
  const copies = task === 'generate' || (payload.carrier === 'inline' && !isAudited);
  const flats = yield* carriers.of(peer).unpack(payload, frames, copies ? allocate : undefined);
  if (flats === undefined || flats === 'damaged') return flats;
  shared(sharedBytes(payload));
  return flats;
}
