/**
 * Moving frames between one coordinator and many workers. Two implementations, one conformance suite: `zmq.ts` and `memory.ts`.
 *
 * Responsible for: delivery in order while a peer is up, and saying when it went away. Not responsible for: what frames mean, retries, identity.
 */
export type Frames = readonly Uint8Array[];

/** What arrives: the frames of a message in pieces, as they travelled (`pieces.ts`). Whoever uses a frame joins it, or copies it to where it is needed. */
export type Pieces = readonly Uint8Array[];

/** Of one frame: a flat of 256 million parameters. */
export const maximumFrameBytes = 1024 * 1024 * 1024;

/** The routing identity a worker chose: its peer. */
export type PeerId = string;

export interface ServerEvents {
  message(peer: PeerId, pieces: Pieces): void;
  /** The connection is gone: whatever was under way is lost. A peer that comes back says HELLO again. */
  down(peer: PeerId): void;
}

export interface ServerTransport {
  /** The address to give to workers; has the real port when bound to port 0. */
  readonly endpoint: string;
  /** Begins to deliver; what came before waits until then. Call it once. Separate from binding, since a run needs the address first. */
  serve(events: ServerEvents): void;
  /** Queues frames (never written again by the caller). Never throws and never blocks: a peer that cannot take them is reported `down`. */
  send(peer: PeerId, frames: Frames): void;
  /** Waits for queued frames to leave, at most `lingerMs`, and frees the address. Safe to repeat. */
  close(lingerMs: number): Promise<void>;
}

export interface ClientEvents {
  /** Connected, or connected again: say HELLO. */
  up(): void;
  message(pieces: Pieces): void;
  down(): void;
}

export interface ClientTransport {
  send(frames: Frames): void;
  close(lingerMs: number): Promise<void>;
}
