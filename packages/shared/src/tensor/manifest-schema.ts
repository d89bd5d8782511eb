/** The schema of a manifest, for those that come from outside: in READY messages and checkpoints. */
import { z } from 'zod';
import type { Manifest } from './manifest.ts';

/** Of one network. */
export const maximumParameters = 4096;
const name = z.string().min(1).max(128);
const count = z.int().min(0);

const elementInitializers = [
  z.object({ kind: z.literal('constant'), value: z.number() }),
  z.object({ kind: z.literal('uniform'), min: z.number(), max: z.number() }),
  z.object({ kind: z.literal('normal'), mean: z.number(), deviation: z.number() }),
  z.object({ kind: z.literal('truncated-normal'), mean: z.number(), deviation: z.number() }),
] as const;
const part = z.object({ length: count, initializer: z.discriminatedUnion('kind', elementInitializers) });

const initializer = z.discriminatedUnion('kind', [
  ...elementInitializers,
  z.object({ kind: z.literal('identity'), gain: z.number() }),
  z.object({ kind: z.literal('orthogonal'), gain: z.number() }),
  z.object({ kind: z.literal('parts'), parts: z.array(part).min(1).max(8) }),
]);

const parameter = z.object({ name, shape: z.array(count).max(8), offset: count, initializer });
const stateParameter = parameter.extend({ momentum: z.number().min(0).max(1), normalizes: name.exactOptional() });

export const manifestSchema: z.ZodType<Manifest> = z.object({
  parameters: z.array(parameter).max(maximumParameters),
  length: count,
  state: z.object({ parameters: z.array(stateParameter).min(1).max(maximumParameters), length: count }).exactOptional(),
  topology: z.record(z.string(), z.unknown()),
});
