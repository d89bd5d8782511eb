/**
 * Bytes of a message: frame 0 is `[protocolVersion, message]` in msgpack, the other frames are left to the carrier.
 *
 * Responsible for: bounds before decoding, decoding, the version check and the schema check, so that nothing unchecked passes this file.
 * Not responsible for: what a message means, or whether it is still wanted (fencing, in the cores).
 */
import { Packr, Unpackr } from 'msgpackr';
import type { z } from 'zod';
import type { Frames } from '../transport/transport.ts';
import { type Message, protocolVersion } from './messages.ts';

/** A header is names and numbers; tensors never go in it. */
export const maximumHeaderBytes = 64 * 1024;

const packr = new Packr({ useRecords: false });

export function encode(message: Message, frames: Frames = []): Frames {
  const header = packr.pack([protocolVersion, message]);
  if (header.length > maximumHeaderBytes) {
    throw new Error(`The header of ${message.type} takes ${header.length} bytes; at most ${maximumHeaderBytes} may be sent.`);
  }
  return [header, ...frames];
}

export type Decoded<M> =
  | { readonly ok: true; readonly message: M; readonly frames: Frames }
  /** `version` is set when the peer speaks another protocol version, so that the answer can name both. */
  | { readonly ok: false; readonly reason: string; readonly version?: number };

/** Decodes and checks a message. Never throws: what a peer sends is not our error. */
export function decode<M>(schema: z.ZodType<M>, frames: Frames): Decoded<M> {
  const header = frames[0];
  if (header === undefined) return { ok: false, reason: 'no header frame' };
  if (header.length > maximumHeaderBytes) return { ok: false, reason: `a header of ${header.length} bytes` };
  let envelope: unknown;
  try {
    // A fresh decoder per message: nothing a peer sent can influence the next message.
    envelope = new Unpackr({ useRecords: false, mapsAsObjects: true }).unpack(header);
  } catch {
    return { ok: false, reason: 'a header that is not msgpack' };
  }
  if (!Array.isArray(envelope) || envelope.length !== 2 || typeof envelope[0] !== 'number') {
    return { ok: false, reason: 'a header that is not [version, message]' };
  }
  if (envelope[0] !== protocolVersion) {
    return { ok: false, reason: `protocol version ${envelope[0]}, not ${protocolVersion}`, version: envelope[0] };
  }
  const parsed = schema.safeParse(envelope[1]);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return { ok: false, reason: `a malformed message: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.slice(0, 200) };
  }
  return { ok: true, message: parsed.data, frames: frames.slice(1) };
}
