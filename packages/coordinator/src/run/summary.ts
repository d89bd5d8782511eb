/** summary.json: what a finished run was, and what it made. Pure; people's scripts rely on the fields. */
import { sha256InPieces } from '@lockstep/shared';
import { littleEndianBytes } from '../checkpoint/bytes.ts';

export interface Summary {
  readonly runId: string;
  readonly recipe: string;
  readonly seed: number;
  readonly steps: number;
  readonly images: number;
  /**
   * From the first WORK to the last commit, in the term of the coordinator that wrote this. Null, as are `imagesPerSecond` and `workers`,
   * if nothing was trained in that term: `--resume` exported what an earlier one had computed, whose measurements are lost.
   */
  readonly seconds: number | null;
  /** Leaves out the first 10 steps. */
  readonly imagesPerSecond: number | null;
  readonly backend: string;
  /** Those that had shards committed. */
  readonly workers: number | null;
  /** By network, in recipe order: SHA-256, in hex, over the little-endian float32 flat. */
  readonly weightsSha256: Readonly<Record<string, string>>;
  /** The same of the state of those networks that have any (moving averages of batch normalization); absent if none has. */
  readonly stateSha256?: Readonly<Record<string, string>>;
  /** The same of the averages of the weights, for the networks that have one; absent if none has. */
  readonly averageSha256?: Readonly<Record<string, string>>;
}

/** Lower-case hex of the SHA-256 over the flat's little-endian float32 bytes: equal hashes mean equal bits. Hashes in pieces: do not change the flat. */
export function flatSha256(flat: Float32Array): Promise<string> {
  return sha256InPieces(littleEndianBytes(flat));
}
