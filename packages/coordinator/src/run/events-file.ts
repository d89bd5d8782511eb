/** events.jsonl: what happened to the run, with times, one bounded line per event. Pure except for `lastTerm`, which reads the file. */
import { linesOf, parseLine } from '../disk/line-file.ts';

/** `event` names are part of the interface of events.jsonl. */
export interface RunEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** Characters of one line. */
export const maximumEventLength = 16_384;
const shortString = 500;
const shortList = 50;

/** The line of an event. One that would be too long is shortened and marked `"shortened": true`. */
export function eventLine(event: RunEvent, time: Date): string {
  const whole = { time: time.toISOString(), ...event };
  const line = JSON.stringify(whole);
  if (line.length <= maximumEventLength) return line;
  const shortened = JSON.stringify({ ...whole, shortened: true }, (_, value: unknown) => shorten(value));
  if (shortened.length <= maximumEventLength) return shortened;
  return JSON.stringify({ time: whole.time, event: shorten(event.event), shortened: true });
}

function shorten(value: unknown): unknown {
  if (typeof value === 'string' && value.length > shortString) return `${value.slice(0, shortString)}…`;
  return Array.isArray(value) ? value.slice(0, shortList) : value;
}

/** The highest term that a coordinator of this run recorded; 0 if none did. Lines that a crash damaged are passed over. */
export async function lastTerm(path: string): Promise<number> {
  let last = 0;
  for await (const line of linesOf(path)) {
    if (!line.text.includes('coordinator-started')) continue;
    const parsed = parseLine(line);
    // Called `epoch` by coordinators up to 0.1.0.
    const term = parsed?.['event'] === 'coordinator-started' ? (parsed['term'] ?? parsed['epoch']) : undefined;
    if (typeof term === 'number' && Number.isSafeInteger(term) && term > last) last = term;
  }
  return last;
}
