/**
 * Bytes of a message: frame 0 is `[protocolVersion, message]` in msgpack. Of a READY and a RESULT one field, which may be long, is frame 1.
 * The other frames are left to the carrier.
 *
 * Responsible for: bounds before decoding, decoding, the version check and the schema check, so that nothing unchecked passes this file.
 * Not responsible for: what a message means, or whether it is still wanted (fencing, in the cores).
 */
import { Packr, Unpackr } from 'msgpackr';
import type { z } from 'zod';
import { framesOf, join } from '../transport/pieces.ts';
import type { Frames, Pieces } from '../transport/transport.ts';
import { type Message, protocolVersion } from './messages.ts';
import type { Manifests } from '../tensor/manifest.ts';

/** A header is names and numbers; tensors never go in it. */
export const maximumHeaderBytes = 64 * 1024;

/** Of all networks; a layer takes about one KB. A worker refuses a recipe whose networks take more. */
export const maximumManifestsBytes = 16 * 1024 * 1024;
/** 1024 shards, each with 32 metrics of the longest names, take 5 MiB. */
const maximumOutcomesBytes = 8 * 1024 * 1024;

/** Fields that do not fit into a header, whatever options and recipes allow. */
const longFields: Readonly<Partial<Record<string, { readonly field: string; readonly maximumBytes: number }>>> = {
  ready: { field: 'manifests', maximumBytes: maximumManifestsBytes },
  result: { field: 'outcomes', maximumBytes: maximumOutcomesBytes },
};

const packr = new Packr({ useRecords: false });

export function encode(message: Message, frames: Frames = []): Frames {
  const long = longFields[message.type];
  if (long === undefined) return [bounded('header', message.type, [protocolVersion, message], maximumHeaderBytes), ...frames];
  const { [long.field]: value, ...rest } = message as Readonly<Record<string, unknown>>;
  const header = bounded('header', message.type, [protocolVersion, rest], maximumHeaderBytes);
  return [header, bounded(long.field, message.type, value, long.maximumBytes), ...frames];
}

function bounded(what: string, type: string, value: unknown, maximumBytes: number): Uint8Array {
  const bytes = packr.pack(value);
  if (bytes.length <= maximumBytes) return bytes;
  throw new Error(`The ${what} of ${type} takes ${bytes.length} bytes; at most ${maximumBytes} may be sent.`);
}

/** What manifests take in a READY. */
export function manifestsBytes(manifests: Manifests): number {
  return packr.pack(manifests).length;
}

export type Decoded<M> =
  /** `frames`: those of the carrier, each in pieces. */
  | { readonly ok: true; readonly message: M; readonly frames: readonly Pieces[] }
  /** `version` is set when the peer speaks another protocol version, so that the answer can name both. */
  | { readonly ok: false; readonly reason: string; readonly version?: number };

/** Decodes and checks a message. Never throws: what a peer sends is not our error. */
export function decode<M>(schema: z.ZodType<M>, pieces: Pieces): Decoded<M> {
  const frames = framesOf(pieces);
  const header = frames[0]?.[0];
  if (header === undefined) return { ok: false, reason: 'no header frame' };
  // A longer one than fits into a piece is too long in any case.
  if (header.length > maximumHeaderBytes) return { ok: false, reason: `a header of ${header.length} bytes` };
  const envelope = unpacked(header);
  if (envelope === undefined) return { ok: false, reason: 'a header that is not msgpack' };
  if (!Array.isArray(envelope) || envelope.length !== 2 || typeof envelope[0] !== 'number') {
    return { ok: false, reason: 'a header that is not [version, message]' };
  }
  if (envelope[0] !== protocolVersion) {
    return { ok: false, reason: `protocol version ${envelope[0]}, not ${protocolVersion}`, version: envelope[0] };
  }
  const whole = withLongField(envelope[1], frames[1]);
  if (typeof whole === 'string') return { ok: false, reason: whole };
  const parsed = schema.safeParse(whole.message);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return { ok: false, reason: `a malformed message: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.slice(0, 200) };
  }
  return { ok: true, message: parsed.data, frames: frames.slice(whole.framesRead) };
}

/** A message with its long field in its place, if it is of a type that has one; a string says what is wrong with it. */
function withLongField(header: unknown, pieces: Pieces | undefined): { message: unknown; framesRead: number } | string {
  const type: unknown = (header as { type?: unknown } | null | undefined)?.type;
  const long = typeof type === 'string' && Object.hasOwn(longFields, type) ? longFields[type] : undefined;
  if (long === undefined) return { message: header, framesRead: 1 };
  const { field, maximumBytes } = long;
  if (pieces === undefined) return `no frame with ${field}`;
  const frame = join(pieces);
  if (frame.length > maximumBytes) return `${field} of ${frame.length} bytes`;
  const value = unpacked(frame);
  return value === undefined ? `${field} that are not msgpack` : { message: { ...(header as object), [field]: value }, framesRead: 2 };
}

function unpacked(bytes: Uint8Array): unknown {
  try {
    // A fresh decoder each time: nothing a peer sent can influence the next message.
    return new Unpackr({ useRecords: false, mapsAsObjects: true }).unpack(bytes);
  } catch {
    return undefined;
  }
}
