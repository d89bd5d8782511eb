/** What a coordinator logs when it starts: what will be trained, where it listens, where its files go. */
import type { Log } from '@lockstep/shared';
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
    `Recipe ${recipe.name}: ${totalSteps} steps of batch ${run.batchSize} in ${run.shardCount} shards, ${dataset.count} images, seed ${run.seed}.${checkpoint === undefined ? '' : ` Resuming after step ${checkpoint.cursor.step}.`}`,
  );
  log.info(`Run directory: ${directory.path}`);
  log.info(`Listening at ${endpoint}. Metrics at ${url}/metrics`);
  log.info(`Live page at ${url}/`);
  if (leavesHost(endpoint))
    log.warn(`${endpoint} can be reached from other hosts, and nothing authenticates workers: use it in a trusted network only.`);
}
