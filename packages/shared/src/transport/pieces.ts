/**
 * Frames in pieces of bounded size, so that a heartbeat never waits behind more than one of them (docs/decisions/large-frames-go-in-pieces.md).
 *
 * A piece of the full size is continued by the next one; a shorter one, which may be empty, ends its frame. So pieces need no header, and
 * what fits into one piece travels as it is.
 */
import { type Frames, maximumFrameBytes } from './transport.ts';

/** What a link of 50 KB/s carries within the heartbeats' time-out (`zmq.ts`); few enough pieces that their number costs nothing. */
export const pieceBytes = 256 * 1024;

/** Pieces are views of the frames: nothing is copied. */
export function cut(frames: Frames, size = pieceBytes): Frames {
  if (frames.every((frame) => frame.byteLength < size)) return frames;
  return frames.flatMap((frame) =>
    Array.from({ length: Math.floor(frame.byteLength / size) + 1 }, (_, index) => frame.subarray(index * size, (index + 1) * size)),
  );
}

/** The frames again. None at all if they are not whole, or one is too long: a message without frames is refused like any other nonsense. */
export function join(pieces: Frames, size = pieceBytes): Frames {
  const frames: Uint8Array[] = [];
  for (let first = 0; first < pieces.length;) {
    let end = first;
    while (end < pieces.length && pieces[end]!.byteLength === size) end += 1;
    const byteLength = (end - first) * size + (pieces[end]?.byteLength ?? 0);
    if (end === pieces.length || pieces[end]!.byteLength > size || byteLength > maximumFrameBytes) return [];
    frames.push(end === first ? pieces[end]! : joined(pieces.slice(first, end + 1), byteLength));
    first = end + 1;
  }
  return frames;
}

function joined(pieces: Frames, byteLength: number): Uint8Array {
  const frame = new Uint8Array(byteLength);
  let end = 0;
  for (const piece of pieces) {
    frame.set(piece, end);
    end += piece.byteLength;
  }
  return frame;
}
