import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

/** Some ten milliseconds of work. */
const pieceBytes = 4 * 1024 * 1024;

/** The SHA-256 of bytes, or of a text as UTF-8, in lower-case hex. */
export function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** The same, while others get their turn. The bytes must stay as they are until then. */
export async function sha256InPieces(content: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for (let start = 0; start < content.byteLength; start += pieceBytes) {
    if (start > 0) await setImmediate();
    hash.update(content.subarray(start, start + pieceBytes));
  }
  return hash.digest('hex');
}
