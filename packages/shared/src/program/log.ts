/**
 * Log lines for a person: `13:05:01 INFO message {"field":1}`, one bounded line per entry, written before the call returns.
 *
 * Responsible for: levels, layout, keeping control characters that come from outside away from the terminal. Not responsible for: the
 * progress line (it gives its own `destination`), a standard output that fails (`output.ts`), events.jsonl.
 */
import { pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { PrettyOptions } from 'pino-pretty';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

export type LogFields = Readonly<Record<string, unknown>>;

/** The methods need no `this`. None throws or blocks on a missing reader. */
export interface Log {
  debug(sentence: string, fields?: LogFields): void;
  info(sentence: string, fields?: LogFields): void;
  warn(sentence: string, fields?: LogFields): void;
  error(sentence: string, fields?: LogFields): void;
}

/** Where lines go. Each `write` gets one whole line with its line end. */
export interface LogDestination {
  write(text: string): unknown;
  /** Colours are used if true and NO_COLOR is not set. */
  readonly isTTY?: boolean | undefined;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** Goes before each sentence: `worker-3: ...`. */
  readonly name?: string;
  /** Default: standard output. */
  readonly destination?: LogDestination;
}

/** Characters of one line, colours and line end aside; the rest is cut and marked with an ellipsis. */
export const maximumLineLength = 4000;

export function createLog(options: LogOptions): Log {
  const destination = options.destination ?? process.stdout;
  const colorize = destination.isTTY === true && !process.env['NO_COLOR'];
  const prettify = prettyFactory({
    colorize,
    ignore: 'level,time,name,pid,hostname,msg,fields',
    // pino-pretty's own layout ends the level with a colon; this function makes the whole line instead.
    messageFormat: (entry, messageKey, _levelLabel, { colors }) => layOut(entry, messageKey, colorize ? colors : undefined),
    customColors: 'message:reset',
  });
  const logger = pino(
    {
      level: options.level,
      base: options.name === undefined ? null : { name: options.name },
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (json: string) => void destination.write(prettify(json)) },
  );
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => (sentence: string, fields?: LogFields) => {
    if (fields === undefined) logger[level](cut(sentence));
    else logger[level]({ fields: serialise(fields) }, cut(sentence));
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/** Each line goes to both. */
export function bothLogs(first: Log, second: Log): Log {
  const write = (level: keyof Log) => (sentence: string, fields?: LogFields) => {
    first[level](sentence, fields);
    second[level](sentence, fields);
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

type Colors = Parameters<NonNullable<Extract<PrettyOptions['messageFormat'], Function>>>[3]['colors'];

function layOut(entry: Record<string, unknown>, messageKey: string, colors: Colors | undefined): string {
  const level = String(entry['level']).toUpperCase();
  const { name: ownName, fields: ownFields } = entry;
  const name = typeof ownName === 'string' ? `${ownName}: ` : '';
  const fields = typeof ownFields === 'string' ? ` ${ownFields}` : '';
  const line = cut(`${clockTime(entry['time'])} ${level} ${name}${String(entry[messageKey])}${fields}`);
  if (colors === undefined) return line;
  if (level === 'ERROR') return colors.red(line);
  if (level === 'WARN') return colors.yellow(line);
  return level === 'DEBUG' ? colors.gray(line) : line;
}

/** Local time of day of an entry's epoch milliseconds. */
function clockTime(time: unknown): string {
  return new Date(Number(time)).toTimeString().slice(0, 8);
}

/** One bounded line: control characters (line ends, escape sequences, direction marks) could forge lines or drive the terminal. */
function cut(text: string): string {
  const bounded = text.length > maximumLineLength ? `${text.slice(0, maximumLineLength - 1)}…` : text;
  return bounded.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, ' ');
}

function serialise(fields: LogFields): string {
  try {
    return cut(JSON.stringify(fields));
  } catch {
    return '(fields that JSON cannot hold)';
  }
}
