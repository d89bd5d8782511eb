/**
 * checkpoint.json: its schema, and its text, which carries its own checksum so that any changed byte is noticed.
 *
 * Responsible for: everything in a checkpoint except the flats. Not responsible for: the flats (`format.ts`), the disk (`store.ts`,
 * `read.ts`).
 */
import { executions, LockstepError, manifestSchema, maximumNetworks, nonfinitePolicies, sha256 } from '@lockstep/shared';
import { z } from 'zod';

/** Raised by any change that an older Lockstep would misread. */
export const formatVersion = 2;
export const headerFileName = 'checkpoint.json';
/** In bytes: far more than the largest topology takes, far less than any machine's memory. */
export const maximumHeaderBytes = 64 * 1024 * 1024;

const name = z.string().min(1).max(128);
const count = z.int().min(0);
const hex = z.string().regex(/^[0-9a-f]{64}$/);
const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,150}\.bin$/);
const finite = z.number();
/** JSON has no -0, so it is written as a string. */
const scalar = z.union([finite, z.literal('-0')]);

const network = z.strictObject({
  name,
  version: count,
  manifest: manifestSchema,
  /** File names; `files` has their sizes and hashes. */
  weights: fileName,
  optimizer: z.strictObject({ kind: name, slots: z.record(name, fileName), scalars: z.record(name, scalar) }),
  /** If the manifest has state. */
  state: fileName.exactOptional(),
});
const header = z.strictObject({
  formatVersion: z.literal(formatVersion),
  lockstepVersion: name,
  runId: name,
  run: z.strictObject({
    recipe: z.strictObject({ name, hash: hex }),
    seed: count,
    batchSize: z.int().min(1),
    shardCount: z.int().min(1),
    execution: z.enum(executions).exactOptional(),
    onNonfinite: z.enum(nonfinitePolicies).exactOptional(),
  }),
  cursor: z.strictObject({ step: count, phase: count, repetition: count, round: count, samplePosition: count }),
  roundsIntoStep: count,
  skippedRounds: count.exactOptional(),
  backend: name,
  fingerprint: hex,
  datasetSha256: hex,
  partial: z.json(),
  networks: z.array(network).min(1).max(maximumNetworks),
  files: z.record(fileName, z.strictObject({ length: count, sha256: hex })),
});
export type Header = z.infer<typeof header>;

/** The bytes of checkpoint.json. A header that breaks the schema is the caller's bug: plain Error. */
export function encodeHeader(value: Header): Uint8Array {
  const checked = header.safeParse(value);
  if (!checked.success) throw new Error(`a checkpoint cannot be written: ${explain(checked.error)}`);
  return Buffer.from(textOf(value));
}

/** Throws `resume-invalid` with a sentence that names `path`. */
export function decodeHeader(bytes: Uint8Array, path: string): Header {
  const raw = parse(bytes, path);
  if (raw['formatVersion'] !== formatVersion && raw['formatVersion'] !== 1) throw invalid(path, versionSentence(raw));
  const { sha256: _, ...written } = raw;
  if (!Buffer.from(textOf(written)).equals(bytes)) throw invalid(path, 'does not match its own checksum');
  const body = raw['formatVersion'] === 1 ? fromFormat1(written) : written;
  const checked = header.safeParse(body);
  if (!checked.success) throw invalid(path, `holds a bad value (${explain(checked.error)})`);
  // Not zod's copy, which drops the key `__proto__`; the schema transforms nothing.
  return body as Header;
}

/** Format 1 had the fields of `run` at the top level, and no `execution`. */
function fromFormat1({ recipe, seed, batchSize, shardCount, ...rest }: Record<string, unknown>): Record<string, unknown> {
  return { ...rest, formatVersion, run: { recipe, seed, batchSize, shardCount } };
}

export function invalid(path: string, what: string): LockstepError {
  return new LockstepError('resume-invalid', `The checkpoint is not usable: ${path} ${what}.`);
}

/** The checksum is the last field, over the text without it. JSON.parse and JSON.stringify give the same text again. */
function textOf(body: object): string {
  const text = (value: object): string => `${JSON.stringify(value, undefined, 2)}\n`;
  return text({ ...body, sha256: sha256(text(body)) });
}

function parse(bytes: Uint8Array, path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw invalid(path, 'is not valid JSON (truncated or damaged)');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(path, 'is not a JSON object');
  return value as Record<string, unknown>;
}

function versionSentence(raw: Record<string, unknown>): string {
  const { formatVersion: found, lockstepVersion } = raw;
  if (typeof found !== 'number') return 'has no format version';
  const writer = typeof lockstepVersion === 'string' ? `, written by Lockstep ${lockstepVersion.slice(0, 40)}` : '';
  return `has format version ${found}${writer}; this Lockstep reads versions 1 and ${formatVersion}: resume with the one that wrote it`;
}

function explain(error: z.ZodError): string {
  const issue = error.issues[0]!;
  return `${issue.path.join('.') || 'the whole file'}: ${issue.message}`;
}
