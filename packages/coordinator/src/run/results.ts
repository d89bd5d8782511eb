/** What a run leaves when all of its steps are done: the exported networks and summary.json. */
import { join } from 'node:path';
import type { Log, Manifest } from '@lockstep/shared';
import { exportNetwork } from './model-export.ts';
import type { RunDirectory } from './run-directory.ts';
import { type Summary, weightsSha256 } from './summary.ts';

export interface TrainedNetwork {
  readonly name: string;
  readonly manifest: Manifest;
  readonly weights: Float32Array;
}

/** The summary comes last: if it matches the weights, all of the exports are there. */
export async function writeResults(directory: RunDirectory, networks: readonly TrainedNetwork[], summary: Summary): Promise<void> {
  for (const { name, manifest, weights } of networks) await exportNetwork(join(directory.modelPath, name), manifest, weights);
  await directory.writeSummary(summary);
}

/** In the order of `networks`. */
export async function hashesOf(networks: readonly TrainedNetwork[]): Promise<Summary['weightsSha256']> {
  const hashes: Record<string, string> = {};
  for (const { name, weights } of networks) hashes[name] = await weightsSha256(weights);
  return hashes;
}

export function tellResults({ weightsSha256: hashes }: Summary, directory: RunDirectory, log: Log): void {
  for (const [name, hash] of Object.entries(hashes)) log.info(`Weights of ${name}: sha256 ${hash}`);
  log.info(`Models, pictures and summary: ${directory.path}`);
}
