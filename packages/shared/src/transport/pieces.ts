/**
 * Frames in pieces of bounded size, so that a heartbeat never waits behind more than one of them (docs/decisions/large-frames-go-in-pieces.md).
 *
 * A piece of the full size is continued by the next one; a shorter one, which may be empty, ends its frame. So pieces need no header, and
 * what fits into one piece travels as it is.
 */
import { atOnce, type Parts, partLength } from '../parts.ts';
import { type Frames, maximumFrameBytes, type Pieces } from './transport.ts';

/** What a link of 50 KB/s carries within the heartbeats' time-out (`zmq.ts`); few enough pieces that their number costs nothing. */
export const pieceBytes = 256 * 1024;

/** Pieces are views of the frames: nothing is copied. */
export function cut(frames: Frames, size = pieceBytes): Pieces {
  if (frames.every((frame) => frame.byteLength < size)) return frames;
  return frames.flatMap((frame) =>
    Array.from({ length: Math.floor(frame.byteLength / size) + 1 }, (_, index) => frame.subarray(index * size, (index + 1) * size)),
  );
}

/**
 * The pieces of each frame, in order. None at all if the last one is not whole, or one is too long: a message without frames is refused like
 * any other nonsense.
 */
export function framesOf(pieces: Pieces, size = pieceBytes): readonly Pieces[] {
  const frames: Pieces[] = [];
  for (let first = 0; first < pieces.length;) {
    let end = first;
    while (end < pieces.length && pieces[end]!.byteLength === size) end += 1;
    const frame = pieces.slice(first, end + 1);
    if (end === pieces.length || pieces[end]!.byteLength > size || byteLengthOf(frame) > maximumFrameBytes) return [];
    frames.push(frame);
    first = end + 1;
  }
  return frames;
}

export function byteLengthOf(pieces: Pieces): number {
  return pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
}

/** A frame in one piece: itself if it is one, else a copy. */
export function join(pieces: Pieces): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const frame = new Uint8Array(byteLengthOf(pieces));
  atOnce(copyTo(frame, pieces));
  return frame;
}

/** Pauses where pieces are of the usual size. */
export function* copyTo(memory: Uint8Array, pieces: Pieces): Parts<void> {
  let end = 0;
  for (const piece of pieces) {
    if (end > 0 && end % (partLength * Float32Array.BYTES_PER_ELEMENT) === 0) yield;
    memory.set(piece, end);
    end += piece.byteLength;
  }
}
