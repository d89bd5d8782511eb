/**
 * Options of a program as a table: from one entry come its flag, its help, its default, its check and its type.
 *
 * Responsible for: what an entry is, the usual checks, and checking what was given. Not responsible for: reading the command line
 * (`command-line.ts`), or contradictions between options.
 */
import { LockstepError } from '../errors.ts';

export interface OptionSpec {
  /** `list`: the flag takes several words, and may be repeated. */
  readonly type: 'number' | 'string' | 'boolean' | 'list';
  readonly describe: string;
  readonly default: string | number | boolean | undefined;
  /** Shown by --help where the default is not a plain value. */
  readonly defaultDescription?: string;
  /** Returns the value, or throws a sentence that names the flag. */
  readonly check: (flag: string, value: unknown) => unknown;
}

export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** The options' values: of its check's type, or undefined where that is the default. */
export type ValuesOf<Table extends OptionTable> = {
  readonly [Name in keyof Table]: ReturnType<Table[Name]['check']> | Extract<Table[Name]['default'], undefined>;
};

/** Some of a table's options, as they were given: not checked. */
export type Given<Table extends OptionTable> = { readonly [Name in keyof Table]?: unknown };

/** `batchSize` -> `--batch-size` */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Checks what was given. `label` says what to call an option in a sentence. */
export function checkGiven<Table extends OptionTable>(
  table: Table,
  given: Given<Table>,
  label: (name: string) => string = flagOf,
): Partial<ValuesOf<Table>> {
  const there = Object.entries(given).filter(([, value]) => value !== undefined);
  const checked = there.map(([name, value]) => [name, table[name]!.check(label(name), value)]);
  return Object.fromEntries(checked) as Partial<ValuesOf<Table>>;
}

export function defaultsOf<Table extends OptionTable>(table: Table): ValuesOf<Table> {
  return Object.fromEntries(Object.entries(table).map(([name, spec]) => [name, spec.default])) as ValuesOf<Table>;
}

const within =
  (minimum: number, maximum: number, isWhole: boolean) =>
  (flag: string, value: unknown): number => {
    const fits = typeof value === 'number' && value >= minimum && value <= maximum && (!isWhole || Number.isInteger(value));
    if (fits) return value;
    const kind = isWhole ? 'a whole number' : 'a number';
    throw new LockstepError('usage', `${flag} takes ${kind} from ${minimum} to ${maximum}, not '${String(value)}'.`);
  };
export const whole = (minimum: number, maximum: number) => within(minimum, maximum, true);
export const real = (minimum: number, maximum: number) => within(minimum, maximum, false);
/** The length of a wait: up to a week. */
export const seconds = real(0.1, 7 * 24 * 3600);

/** A length of time as people write it: '90s', '5m', '1.5h'. */
export type Duration = `${number}${keyof typeof unitsMs}`;
const unitsMs = { s: 1000, m: 60_000, h: 3_600_000 } as const;
const longestMs = 7 * 24 * unitsMs.h;

/** Undefined for anything but a number of seconds, minutes or hours. */
function durationOf(value: unknown): Duration | undefined {
  return typeof value === 'string' && /^\d{1,9}(\.\d{1,3})?[smh]$/.test(value) ? (value as Duration) : undefined;
}

export function durationMs(duration: Duration): number {
  return Number(duration.slice(0, -1)) * unitsMs[duration.slice(-1) as keyof typeof unitsMs];
}

/** How often something is done: a number of steps, or a length of time from a second to a week. */
export const interval =
  (maximumSteps: number) =>
  (flag: string, value: unknown): number | Duration => {
    const steps = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
    if (typeof steps === 'number' && Number.isInteger(steps) && steps >= 0 && steps <= maximumSteps) return steps;
    const duration = durationOf(value);
    if (duration !== undefined && durationMs(duration) >= unitsMs.s && durationMs(duration) <= longestMs) return duration;
    throw new LockstepError(
      'usage',
      `${flag} takes a number of steps up to ${maximumSteps}, or a time from 1s to 168h such as 90s, 5m or 1.5h, not '${String(value)}'.`,
    );
  };

export const choice =
  <T extends string>(choices: readonly T[]) =>
  (flag: string, value: unknown): T => {
    const found = choices.find((each) => each === value);
    if (found === undefined) throw new LockstepError('usage', `${flag} takes one of ${choices.join(', ')}, not '${String(value)}'.`);
    return found;
  };

export const text = (flag: string, value: unknown): string => {
  if (typeof value === 'string' && value.length > 0) return value;
  throw new LockstepError('usage', `${flag} takes a value.`);
};

export const texts = (flag: string, value: unknown): readonly string[] => {
  if (Array.isArray(value) && value.length > 0) return value.map((each) => text(flag, each));
  throw new LockstepError('usage', `${flag} takes at least one value.`);
};

export const matching =
  (pattern: RegExp, meaning: string) =>
  (flag: string, value: unknown): string => {
    if (typeof value === 'string' && pattern.test(value)) return value;
    throw new LockstepError('usage', `${flag} takes ${meaning}, not '${String(value)}'.`);
  };

/** tcp://HOST:PORT or ipc://PATH. HOST may be a name, an IPv4 or [IPv6] address, or * where one binds. */
export const address = (flag: string, value: unknown): string => {
  const given = text(flag, value);
  const tcp = /^tcp:\/\/(\*|\[[0-9a-fA-F:.%a-z]+\]|[^\s:/[\]]+):(\d{1,5})$/.exec(given);
  if (tcp !== null && Number(tcp[2]) <= 65535) return given;
  // The kernel's limit on unix socket paths is 108 bytes with the closing zero.
  if (/^ipc:\/\/.+/.test(given) && Buffer.byteLength(given) - 'ipc://'.length < 108) return given;
  throw new LockstepError('usage', `${flag} takes tcp://HOST:PORT or ipc://PATH (a path under 108 bytes), not '${given}'.`);
};

export const truth = (flag: string, value: unknown): boolean => {
  if (typeof value === 'boolean') return value;
  throw new LockstepError(
    'usage',
    `${flag} is on or off: give it without a value (in a config file: true or false), not '${String(value)}'.`,
  );
};
