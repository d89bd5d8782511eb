/** What a run leaves when all of its steps are done: the exported networks and summary.json. */
import { join } from 'node:path';
import type { Log, Manifest } from '@lockstep/shared';
import { exportNetwork, isExported } from './model-export.ts';
import type { RunDirectory } from './run-directory.ts';
import { flatSha256, type Summary } from './summary.ts';

export interface TrainedNetwork {
  readonly name: string;
  readonly manifest: Manifest;
  readonly weights: Float32Array;
  /** The moving average of the weights, if there is one. */
  readonly average?: Float32Array | undefined;
}

/** Files of one network's weights, in a directory of this name: `generator`, and `generator-average` with the average. */
interface Export extends Pick<TrainedNetwork, 'manifest' | 'weights'> {
  readonly directory: string;
}

function exportsOf({ modelPath }: RunDirectory, networks: readonly TrainedNetwork[]): Export[] {
  return networks.flatMap(({ name, manifest, weights, average }) => [
    { directory: join(modelPath, name), manifest, weights },
    ...(average === undefined ? [] : [{ directory: join(modelPath, `${name}-average`), manifest, weights: average }]),
  ]);
}

/** The summary comes last: if it matches the weights, all of the exports are there. */
export async function writeResults(directory: RunDirectory, networks: readonly TrainedNetwork[], summary: Summary): Promise<void> {
  for (const { directory: path, manifest, weights } of exportsOf(directory, networks)) await exportNetwork(path, manifest, weights);
  await directory.writeSummary(summary);
}

export async function areExported(directory: RunDirectory, networks: readonly TrainedNetwork[]): Promise<boolean> {
  for (const { directory: path, manifest, weights } of exportsOf(directory, networks)) {
    if (!(await isExported(path, manifest, weights))) return false;
  }
  return true;
}

/** In the order of `networks`. */
export async function hashesOf(networks: readonly TrainedNetwork[]): Promise<Pick<Summary, 'weightsSha256' | 'averageSha256'>> {
  const weightsSha256: Record<string, string> = {};
  const averageSha256: Record<string, string> = {};
  for (const { name, weights, average } of networks) {
    weightsSha256[name] = await flatSha256(weights);
    if (average !== undefined) averageSha256[name] = await flatSha256(average);
  }
  return Object.keys(averageSha256).length === 0 ? { weightsSha256 } : { weightsSha256, averageSha256 };
}

export function tellResults({ weightsSha256, averageSha256 = {} }: Summary, directory: RunDirectory, log: Log): void {
  for (const [name, hash] of Object.entries(weightsSha256)) log.info(`Weights of ${name}: sha256 ${hash}`);
  for (const [name, hash] of Object.entries(averageSha256)) log.info(`Average of ${name}: sha256 ${hash}`);
  log.info(`Models, pictures and summary: ${directory.path}`);
}
