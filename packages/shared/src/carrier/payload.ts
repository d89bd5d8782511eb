/** The carriers by name, and what each puts into a message's header. The list of them: names, the protocol and options come from here. */
import { z } from 'zod';

const count = z.int().min(0);
/** A message holds a flat for each network or for each shard at most. */
const maximumFlats = 4096;

export const payload = z.discriminatedUnion('carrier', [
  /** One frame of little-endian float32 for each flat, after the header, in this order, and the checksum of each. */
  z.object({
    carrier: z.literal('inline'),
    lengths: z.array(count).max(maximumFlats).readonly(),
    checksums: z.array(z.uint32()).max(maximumFlats).readonly(),
  }),
  /** Each in a slot of the sender's shared memory. */
  z.object({
    carrier: z.literal('shm'),
    slots: z
      .array(z.object({ offset: count, sequence: count, length: count }))
      .max(maximumFlats)
      .readonly(),
  }),
]);
export type Payload = z.infer<typeof payload>;
export type CarrierName = Payload['carrier'];

export const carrierNames: readonly CarrierName[] = payload.options.map((option) => option.shape.carrier.value);

/** How tensors travel, in words for a log line. */
export const carrierWords: Readonly<Record<CarrierName, string>> = { inline: 'in messages', shm: 'through shared memory' };

/** What `--carrier` takes: the best one that both sides have, or the one that always works. */
export const carrierChoices = ['auto', 'inline'] as const;
export type CarrierChoice = (typeof carrierChoices)[number];
