/** Entries of events.jsonl, told to a person and to Prometheus as well. */
import { carrierWords, type Log } from '@lockstep/shared';
import type { RecordEntry } from '../core/effects.ts';
import type { Metrics } from '../metrics/metrics.ts';

export function tell(entry: RecordEntry, log: Log, metrics: Metrics): void {
  switch (entry.event) {
    case 'worker-joined':
      metrics.workerJoined(entry);
      return log.info(
        `Worker ${entry.worker} joined: ${entry.backend} on ${entry.device}, host ${entry.host}, tensors ${carrierWords[entry.carrier]}.`,
      );
    case 'worker-left':
      metrics.instruments.workerLeaves.inc({ reason: entry.cause });
      metrics.workerLeft(entry.worker);
      return log.warn(`Worker ${entry.worker} is gone: ${entry.reason.replace(/\.$/, '')}.`);
    case 'worker-failed':
      return log.warn(`Worker ${entry.worker} failed: ${entry.reason}`);
    case 'worker-refused':
      return log.warn(`Worker ${entry.worker} was refused: ${entry.reason}`);
    case 'worker-quarantined':
      return log.warn(`Worker ${entry.worker} is in quarantine: ${entry.reason}`);
    case 'audit-differs':
      metrics.instruments.auditDifferences.inc();
      return log.warn(entry.reason);
    case 'worker-wrong':
      metrics.instruments.workersWrong.inc();
      return log.error(`Worker ${entry.worker} was wrong: ${entry.reason}`);
    case 'round-repeated':
    case 'round-skipped':
      return log.warn(entry.reason);
    case 'shards-reassigned':
      return log.info(`Shards ${entry.shards.join(', ')} of worker ${entry.worker} are assigned again.`);
    case 'training':
      return log.info(entry.reason);
    case 'waiting':
      return; // told by the recorder, once per wait
  }
}
