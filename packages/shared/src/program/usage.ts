/** Small checks of command-line values, shared by both programs: each failure names the flag, what it got and what it takes. */
import { LockstepError } from '../errors.ts';

/** Turns what yargs reports (`message`), or an error thrown inside it, into one sentence for the user. */
export function usageError(program: string, message: string | null, error: Error | undefined): LockstepError {
  if (error instanceof LockstepError) return error;
  const sentence = (message ?? error?.message ?? 'bad usage').split('\n')[0]!.replace(/\.$/, '');
  return new LockstepError('usage', `${sentence}. See ${program} --help.`);
}

export function oneOf<T extends string>(flag: string, value: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new LockstepError('usage', `${flag} takes one of ${choices.join(', ')}, not '${value}'.`);
  return found;
}

export interface NumberBounds {
  readonly minimum: number;
  readonly maximum: number;
  readonly integer?: boolean;
}

export function numberWithin(flag: string, value: unknown, bounds: NumberBounds): number {
  const { minimum, maximum, integer = true } = bounds;
  const fits = typeof value === 'number' && value >= minimum && value <= maximum && (!integer || Number.isInteger(value));
  if (fits) return value;
  const kind = integer ? 'a whole number' : 'a number';
  throw new LockstepError('usage', `${flag} takes ${kind} from ${minimum} to ${maximum}, not '${String(value)}'.`);
}

/** tcp://HOST:PORT or ipc://PATH. HOST may be a name, an IPv4 or [IPv6] address, or * where one binds. */
export function endpoint(flag: string, value: string): string {
  const tcp = /^tcp:\/\/(\*|\[[0-9a-fA-F:.%a-z]+\]|[^\s:/[\]]+):(\d{1,5})$/.exec(value);
  if (tcp !== null && Number(tcp[2]) <= 65535) return value;
  // The kernel's limit on unix socket paths is 108 bytes with the closing zero.
  if (/^ipc:\/\/.+/.test(value) && Buffer.byteLength(value) - 'ipc://'.length < 108) return value;
  throw new LockstepError('usage', `${flag} takes tcp://HOST:PORT or ipc://PATH (a path under 108 bytes), not '${value}'.`);
}
