/**
 * What a spawned worker and the coordinator that started it say to each other outside the protocol: over Node's IPC channel, which the
 * kernel closes however either of them ends.
 *
 * One message only: the error that a worker ends with, which may come before it could say HELLO to anybody.
 */
import { errorCodes, type LockstepError } from '../errors.ts';
import { z } from 'zod';

const failure = z.object({ code: z.enum(errorCodes), reason: z.string().max(4000) });
export type Failure = Readonly<z.infer<typeof failure>>;

/** Resolves when the message has left; at once in a process that nobody spawned. */
export async function tellParent(error: LockstepError): Promise<void> {
  if (!process.connected) return;
  const message: Failure = { code: error.code, reason: error.message.slice(0, 4000) };
  await new Promise<void>((resolve) => process.send!(message, () => resolve()));
}

/** Undefined for anything else that came through the channel. */
export function failureOf(message: unknown): Failure | undefined {
  return failure.safeParse(message).data;
}
