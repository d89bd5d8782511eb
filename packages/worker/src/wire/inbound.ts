/**
 * From frames of the coordinator to an event of the core: decoded and checked, with tensors left where they are.
 *
 * Not responsible for: whether a message still counts (the core), or for the bytes of a message (`shared/protocol/codec.ts`).
 */
import {
  atOnce,
  type Carrier,
  decode,
  isErrorCode,
  type PeerId,
  type Pieces,
  protocolVersion,
  splitFence,
  toWorker,
  type ToWorker,
  type Work,
} from '@lockstep/shared';
import type { WorkTensors } from '../compute/jobs.ts';
import type { Event } from '../core/events.ts';

/** A message that changes nothing, and is only logged. */
export interface Ignored {
  readonly type: 'ignored';
  readonly reason: string;
}

/** `peer` is this worker; `carrier` is what it shares with the coordinator now. */
export function eventOf(pieces: Pieces, peer: PeerId, carrier: Carrier): Event | Ignored {
  const decoded = decode(toWorker, pieces);
  if (decoded.ok && decoded.message.peer !== peer) return { type: 'ignored', reason: 'a message for another worker' };
  if (decoded.ok) return eventOfMessage(decoded.message, decoded.frames, carrier);
  if (decoded.version === undefined) return { type: 'ignored', reason: decoded.reason };
  const reason = `The coordinator speaks protocol version ${decoded.version}, this worker ${protocolVersion}: install the same Lockstep version on both.`;
  return { type: 'failed', code: 'version-mismatch', reason };
}

function eventOfMessage(message: ToWorker, frames: readonly Pieces[], carrier: Carrier): Event {
  switch (message.type) {
    case 'welcome':
      return { type: 'welcome', fence: splitFence(message).fence, run: message.run, region: message.region };
    case 'work':
      return workEvent(message, frames, carrier);
    case 'refuse':
      return { type: 'refuse', code: isErrorCode(message.code) ? message.code : 'refused', reason: message.reason };
    case 'bye':
      return { type: 'bye', ended: message.ended, reason: message.reason };
  }
}

/**
 * Weights and samples stay where they are: with `shm`, in the coordinator's memory, which is written again only two versions later. By then
 * the round of this order is over for this worker (committed, or its shards reassigned), and what it still computes is dropped.
 */
function workEvent(message: Work, frames: readonly Pieces[], carrier: Carrier): Event {
  const { fence, rest } = splitFence(message);
  const { payload: packed, sampleBytes, ...order } = rest;
  const flats = atOnce(carrier.unpack(packed, frames));
  const lost = { type: 'lost-weights', fence, workId: order.workId, networks: order.sends } as const;
  if (flats === 'damaged') return { ...lost, damaged: true };
  // The weights have been replaced since: this order is late, and another one is on its way.
  if (flats === undefined && packed.carrier !== 'inline') return { ...lost, damaged: false };
  const payload = flats === undefined ? undefined : tensorsOf(flats, order, sampleBytes);
  if (payload === undefined) {
    return { type: 'failed', code: 'compute-failed', reason: 'The coordinator sent a WORK whose frames do not fit its header.' };
  }
  return { type: 'work', fence, order: { ...order, payload } };
}

/** In this order: weights, states, averages, and in one more flat the samples, if there are any. */
function tensorsOf(
  flats: readonly Float32Array[],
  order: Pick<Work, 'sends' | 'states' | 'averages'>,
  sampleBytes: number,
): WorkTensors | undefined {
  const { sends, states = [], averages = [] } = order;
  const sent = sends.length + states.length + averages.length;
  const [samples = new Float32Array(0), ...others] = flats.slice(sent);
  if (flats.length < sent || others.length > 0 || samples.length !== Math.ceil(sampleBytes / 4)) return undefined;
  const named = (networks: readonly string[], start: number): Record<string, Float32Array> =>
    Object.fromEntries(networks.map((network, index) => [network, flats[start + index]!]));
  return {
    weights: flats.slice(0, sends.length),
    states: named(states, sends.length),
    averages: named(averages, sends.length + states.length),
    samples: new Uint8Array(samples.buffer, samples.byteOffset, sampleBytes),
  };
}
