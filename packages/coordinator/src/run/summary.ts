/** summary.json: what a finished run was and made. Pure; the fields are an interface people hold. */
import { sha256 } from '@lockstep/shared';
import { littleEndianBytes } from '../checkpoint/bytes.ts';

export interface Summary {
  readonly runId: string;
  readonly recipe: string;
  readonly seed: number;
  readonly steps: number;
  readonly images: number;
  /**
   * From the first WORK to the last commit, in the life of the coordinator that wrote this. Null, as are `imagesPerSecond` and `workers`,
   * where that life did not train: `--resume` exported what an earlier one had computed, and what it had measured is lost.
   */
  readonly seconds: number | null;
  /** Without the first 10 steps. */
  readonly imagesPerSecond: number | null;
  readonly backend: string;
  /** Those that had shards committed. */
  readonly workers: number | null;
  /** By network, in recipe order: SHA-256, in hex, over the little-endian float32 flat. */
  readonly weightsSha256: Readonly<Record<string, string>>;
}

/** Lower-case hex of the SHA-256 over the flat's little-endian float32 bytes: equal hashes mean equal bits. */
export function weightsSha256(flat: Float32Array): string {
  return sha256(littleEndianBytes(flat));
}
