/** What a coordinator logs when it starts: what will be trained, where it listens, where its files go. */
import type { Log } from '@lockstep/shared';
import type { DatasetInfo } from '../data/dataset.ts';
import { leavesHost } from '../options/resolve-options.ts';
import type { OpenRun } from '../run/open-run.ts';
import type { Prepared } from '../run/prepare.ts';

export interface Announcement {
  readonly endpoint: string;
  /** Of the HTTP server. */
  readonly url: string;
  readonly prepared: Prepared;
  readonly run: Pick<OpenRun, 'directory' | 'checkpoint'>;
  readonly log: Log;
}

export function announce({ endpoint, url, prepared, run: { directory, checkpoint }, log }: Announcement): void {
  const { recipe, run, dataset, totalSteps } = prepared;
  log.info(
    `Recipe ${recipe.name}: ${totalSteps} steps of batch ${run.batchSize} in ${run.shardCount} shards, ${dataset.count} samples, seed ${run.seed}.${checkpoint === undefined ? '' : ` Resuming after step ${checkpoint.cursor.step}.`}`,
  );
  log.info(`Data: ${describeData(dataset)}`);
  log.info(`Run directory: ${directory.path}`);
  log.info(`Listening at ${endpoint}. Metrics at ${url}/metrics`);
  log.info(`Live page at ${url}/`);
  if (leavesHost(endpoint))
    log.warn(`${endpoint} can be reached from other hosts, and nothing authenticates workers: use it in a trusted network only.`);
}

/** 'IDX files in /data: image 28 x 28 uint8, label uint8' */
function describeData({ source, fields }: Pick<DatasetInfo, 'source' | 'fields'>): string {
  const described = fields.map(({ name, shape, dtype }) => [name, ...(shape.length === 0 ? [] : [shape.join(' x ')]), dtype].join(' '));
  return `${source}: ${described.join(', ')}`;
}
