/**
 * From an effect of the core that sends a message to the frames of that message.
 *
 * Not responsible for: sending them (`runtime.ts`), or what tensors hold (`training/trainer.ts`).
 */
import { encode, type Fence, type Frames, type Parts, type PeerId, type RegionOffer } from '@lockstep/shared';
import type { Effect } from '../core/effects.ts';
import type { Plan } from '../core/plan.ts';
import type { Load } from '../training/trainer.ts';
import { type Carriers, sharedBytes } from './carriers.ts';

export type Sending = Extract<Effect, { do: 'welcome' | 'refuse' | 'bye' | 'assign' }>;

/** What an effect's message is made of. */
export interface Sources {
  readonly plan: Plan;
  readonly carriers: Carriers;
  /** Whether workers are asked to say when they did what. */
  readonly timed: boolean;
  /** The tensors of a WORK. */
  readonly load: (effect: Extract<Effect, { do: 'assign' }>) => Parts<Load>;
  /** Told how many bytes of tensors go through shared memory. */
  readonly shared: (bytes: number) => void;
}

export function* framesOf(effect: Sending, sources: Sources): Parts<Frames> {
  const { plan, carriers } = sources;
  switch (effect.do) {
    case 'welcome': {
      const region = carriers.greet(effect.to, effect.region as RegionOffer | undefined);
      const header = { type: 'welcome', ...fence(plan, effect.to, effect.round), run: plan.run } as const;
      return encode(region === undefined ? header : { ...header, region });
    }
    case 'refuse':
      return encode({ type: 'refuse', ...fence(plan, effect.to, effect.round), code: effect.code, reason: effect.reason });
    case 'bye':
      return encode({ type: 'bye', ...fence(plan, effect.to, effect.round), ended: effect.ended, reason: effect.reason });
    case 'assign':
      return yield* workFrames(effect, sources);
  }
}

function* workFrames(effect: Extract<Effect, { do: 'assign' }>, { plan, carriers, timed, load, shared }: Sources): Parts<Frames> {
  const { to, workId, task, cursor, shards, versions, sends } = effect;
  const { flats, states, averages, sampleBytes } = yield* load(effect);
  const { payload, frames } = yield* carriers.of(to).pack(flats);
  shared(sharedBytes(payload));
  const drawing = task === 'generate' && plan.pictureSet !== undefined ? { pictureSet: plan.pictureSet } : {};
  const pictures = task === 'generate' ? plan.pictures : 0;
  const order = { workId, task, phase: cursor.phase, shards, pictures, versions, sends, sampleBytes, payload };
  const optional = {
    ...drawing,
    ...(states.length > 0 ? { states } : {}),
    ...(averages.length > 0 ? { averages } : {}),
    ...(timed ? { timed } : {}),
  };
  return encode({ type: 'work', ...fence(plan, to, cursor.round), ...order, ...optional }, frames);
}

function fence({ runId, term }: Plan, peer: PeerId, round: number): Fence {
  return { runId, term, peer, round };
}
