/**
 * From an effect of the core that sends a message to the frames of that message.
 *
 * Not responsible for: sending them (`runtime.ts`), or what was computed (`compute/jobs.ts`).
 */
import { atOnce, type Carrier, encode, type Frames, type Hello, ready } from '@lockstep/shared';
import type { Answer, Built } from '../compute/jobs.ts';
import type { Effect } from '../core/events.ts';

export type Sending = Extract<Effect, { do: 'hello' | 'ready' | 'result' | 'need' | 'leave' }>;

/** Who this worker is, for HELLO. */
export type Identity = Omit<Hello, 'type' | 'region'>;

/** The protocol accepts sentences of at most this many characters. */
const maximumSentence = 2000;

export function framesOf(
  effect: Sending,
  identity: Identity,
  offer: Hello['region'] | undefined,
  carrier: Carrier,
  nowMs: () => number,
): Frames {
  switch (effect.do) {
    case 'hello':
      return encode({ type: 'hello', ...identity, ...(offer === undefined ? {} : { region: offer }) });
    case 'ready': {
      const { manifests, fingerprint } = effect.built as Built;
      return encode({ type: 'ready', ...effect.fence, manifests, fingerprint, carrier: carrier.name });
    }
    case 'result': {
      const { flats, number, room, times, ...fields } = effect.answer as Answer;
      const keyed = flats.map((flat, index) => ({ key: String(index), version: number, room, live: flat, snapshot: () => ready(flat) }));
      const { payload, frames } = atOnce(carrier.pack(keyed));
      const timed = times === undefined ? {} : { times: { ...times, sent: nowMs() } };
      return encode({ type: 'result', ...effect.fence, workId: effect.workId, ...fields, ...timed, payload }, frames);
    }
    case 'need':
      return encode({
        type: 'need',
        ...effect.fence,
        workId: effect.workId,
        networks: effect.networks,
        ...(effect.damaged ? { damaged: true } : {}),
      });
    case 'leave':
      return encode({ type: 'leave', ...effect.fence, code: effect.code, reason: effect.reason.slice(0, maximumSentence) });
  }
}
