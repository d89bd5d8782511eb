/** An entry of events.jsonl as a sentence. Pure. */
import type { EventRow } from './messages.ts';

type Entry = Readonly<Record<string, unknown>>;

const longest = 400;

const sentences: Readonly<Record<string, (entry: Entry) => string>> = {
  'coordinator-started': ({ term, step }) => `Coordinator started (term ${word(term)})${step === 0 ? '' : `, after step ${word(step)}`}.`,
  'coordinator-ended': ({ outcome, reason }) => `Coordinator ended, ${word(outcome)}: ${word(reason)}`,
  'worker-joined': ({ worker, device, host }) => `Worker ${word(worker)} joined: ${word(device)}, host ${word(host)}.`,
  'worker-left': ({ worker, reason }) => `Worker ${word(worker)} is gone: ${word(reason)}`,
  'worker-failed': ({ worker, reason }) => `Worker ${word(worker)} failed: ${word(reason)}`,
  'worker-refused': ({ worker, reason }) => `Worker ${word(worker)} was refused: ${word(reason)}`,
  'worker-quarantined': ({ worker, reason }) => `Worker ${word(worker)} is in quarantine: ${word(reason)}`,
  'shards-reassigned': ({ worker, shards }) => `Shards ${word(shards)} of worker ${word(worker)} are assigned again.`,
  checkpoint: ({ path }) => `Checkpoint ${word(path).split(/[/\\]/).at(-1)}.`,
};

/** Undefined for a line that is no entry. */
export function eventRow(line: string): EventRow | undefined {
  const entry = parse(line);
  if (entry === undefined) return undefined;
  const { time, event, reason } = entry;
  if (typeof time !== 'string' || typeof event !== 'string') return undefined;
  const sentence = Object.hasOwn(sentences, event) ? sentences[event]!(entry) : word(reason ?? event);
  return { time, event, text: sentence.slice(0, longest) };
}

/** The object that a line holds. */
export function parse(line: string): Entry | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Entry) : undefined;
  } catch {
    return undefined;
  }
}

function word(value: unknown): string {
  if (Array.isArray(value)) return value.map(word).join(', ');
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '?';
}
