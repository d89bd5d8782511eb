/** What a person is told when a coordinator starts: what will be trained, where it listens, where things go. */
import type { Log } from '@lockstep/shared';
import { leavesHost } from '../options/resolve-options.ts';
import type { Plan } from '../core/plan.ts';
import type { Options } from '../options/option-table.ts';
import type { Prepared } from '../run/prepare.ts';

export interface Announcement {
  readonly endpoint: string;
  readonly metricsUrl: string;
  readonly plan: Plan;
  readonly prepared: Prepared;
  readonly options: Options;
  readonly directory: string;
  readonly resumedAt: number | undefined;
  readonly log: Log;
}

export function announce({ endpoint, metricsUrl, plan, prepared, options, directory, resumedAt, log }: Announcement): void {
  const { recipe, dataset, batchSize, totalSteps } = prepared;
  log.info(
    `Recipe ${recipe.name}: ${totalSteps} steps of batch ${batchSize} in ${plan.shardCount} shards, ${dataset.count} images, seed ${options.seed}.${resumedAt === undefined ? '' : ` Going on after step ${resumedAt}.`}`,
  );
  log.info(`Run directory: ${directory}`);
  log.info(`Listening at ${endpoint}. Metrics at ${metricsUrl}/metrics`);
  if (leavesHost(endpoint))
    log.warn(`${endpoint} can be reached from other hosts, and nothing authenticates workers: use it in a trusted network only.`);
}
