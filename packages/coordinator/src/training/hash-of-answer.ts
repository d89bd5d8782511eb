/** The hash by which answers to the same shards are compared. */
import { createHash } from 'node:crypto';
import { type ShardOutcome, squaredNorm } from '@lockstep/shared';

/**
 * SHA-256 of the flats' bytes and of the losses and metrics, in their order. All flats that are not finite count as equal: which bits a NaN
 * has is left to the machine, and nothing is ever committed from one.
 */
export function hashOfAnswer(flats: readonly Float32Array[], outcomes: readonly ShardOutcome[]): string {
  const hash = createHash('sha256');
  for (const flat of flats) {
    if (Number.isFinite(squaredNorm(flat))) hash.update(new Uint8Array(flat.buffer, flat.byteOffset, flat.byteLength));
    else hash.update('not finite');
  }
  return hash.update(JSON.stringify(outcomes)).digest('hex');
}
