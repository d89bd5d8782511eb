/** The schema of a manifest, for those that come from outside: in READY messages and checkpoints. */
import { z } from 'zod';
import type { Manifest } from './manifest.ts';

/** Of one network. */
export const maximumParameters = 4096;
const name = z.string().min(1).max(128);
const count = z.int().min(0);

const initializer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('constant'), value: z.number() }),
  z.object({ kind: z.literal('uniform'), min: z.number(), max: z.number() }),
  z.object({ kind: z.literal('normal'), mean: z.number(), deviation: z.number() }),
  z.object({ kind: z.literal('truncated-normal'), mean: z.number(), deviation: z.number() }),
]);

export const manifestSchema: z.ZodType<Manifest> = z.object({
  parameters: z.array(z.object({ name, shape: z.array(count).max(8), offset: count, initializer })).max(maximumParameters),
  length: count,
  topology: z.record(z.string(), z.unknown()),
});
