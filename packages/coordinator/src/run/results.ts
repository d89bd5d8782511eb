/** What a run leaves when all of its steps are done: the exported networks and summary.json. */
import { join } from 'node:path';
import type { Log, Manifest } from '@lockstep/shared';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { exportNetwork, isExported } from './model-export.ts';
import type { RunDirectory } from './run-directory.ts';
import { flatSha256, type Summary } from './summary.ts';

export interface TrainedNetwork {
  readonly name: string;
  readonly manifest: Manifest;
  readonly weights: Float32Array;
  /** If it has state. */
  readonly state?: Float32Array | undefined;
  /** The moving average of the weights, if there is one. */
  readonly average?: Float32Array | undefined;
}

/** The networks of a checkpoint. */
export function trainedNetworks({ networks }: Pick<Checkpoint, 'networks'>): TrainedNetwork[] {
  return networks.map((network) => ({ ...network, average: network.optimizer.slots['average'] }));
}

/** Files of one network's weights, in a directory of this name: `generator`, and `generator-average` with the average. */
interface Export extends Pick<TrainedNetwork, 'manifest' | 'weights' | 'state'> {
  readonly directory: string;
}

function exportsOf({ modelPath }: RunDirectory, networks: readonly TrainedNetwork[]): Export[] {
  return networks.flatMap(({ name, manifest, weights, state, average }) => [
    { directory: join(modelPath, name), manifest, weights, state },
    ...(average === undefined ? [] : [{ directory: join(modelPath, `${name}-average`), manifest, weights: average, state }]),
  ]);
}

/** The summary comes last: if it matches the weights, all of the exports are there. */
export async function writeResults(directory: RunDirectory, networks: readonly TrainedNetwork[], summary: Summary): Promise<void> {
  for (const { directory: path, manifest, weights, state } of exportsOf(directory, networks))
    await exportNetwork(path, manifest, weights, state);
  await directory.writeSummary(summary);
}

export async function areExported(directory: RunDirectory, networks: readonly TrainedNetwork[]): Promise<boolean> {
  for (const { directory: path, manifest, weights, state } of exportsOf(directory, networks)) {
    if (!(await isExported(path, manifest, weights, state))) return false;
  }
  return true;
}

/** In the order of `networks`. */
export async function hashesOf(
  networks: readonly TrainedNetwork[],
): Promise<Pick<Summary, 'weightsSha256' | 'stateSha256' | 'averageSha256'>> {
  const hashes = async (part: 'weights' | 'state' | 'average'): Promise<Record<string, string>> => {
    const found: Record<string, string> = {};
    for (const { name, [part]: flat } of networks) if (flat !== undefined) found[name] = await flatSha256(flat);
    return found;
  };
  const [stateSha256, averageSha256] = [await hashes('state'), await hashes('average')];
  return {
    weightsSha256: await hashes('weights'),
    ...(Object.keys(stateSha256).length > 0 ? { stateSha256 } : {}),
    ...(Object.keys(averageSha256).length > 0 ? { averageSha256 } : {}),
  };
}

export function tellResults({ weightsSha256, stateSha256 = {}, averageSha256 = {} }: Summary, directory: RunDirectory, log: Log): void {
  for (const [name, hash] of Object.entries(weightsSha256)) log.info(`Weights of ${name}: sha256 ${hash}`);
  for (const [name, hash] of Object.entries(stateSha256)) log.info(`State of ${name}: sha256 ${hash}`);
  for (const [name, hash] of Object.entries(averageSha256)) log.info(`Average of ${name}: sha256 ${hash}`);
  log.info(`Models, pictures and summary: ${directory.path}`);
}
