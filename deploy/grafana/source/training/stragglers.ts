import type { Row } from '../frame.ts';
import { lines, table } from '../panels.ts';
import { run, worker } from './selectors.ts';

export const stragglers: Row = {
  title: 'Stragglers and why',
  panels: [
    lines(
      {
        title: 'Stragglers',
        description:
          '1 while a worker is late again and again. compute: it computes longer than the others; link: its messages take longer. The others wait for it, or compute its shards as well.',
        unit: 'short',
        width: 12,
      },
      { '{{worker}}: {{cause}}': `lockstep_worker_straggler{${worker}}` },
      { from: 0 },
    ),
    lines(
      {
        title: 'Later than the median worker',
        description: 'By how much each answers later, in the median over its last rounds.',
        unit: 's',
        width: 12,
      },
      { '{{worker}}': `lockstep_worker_late_seconds{${worker}}` },
    ),
    lines(
      {
        title: 'Compute time by worker',
        description: 'Mean seconds that a worker computed for one order, as it reports it.',
        unit: 's',
        width: 8,
      },
      { '{{worker}}': meanByWorker('lockstep_worker_compute_seconds') },
      { from: 0 },
    ),
    lines(
      {
        title: 'Answer time by worker',
        description: 'Mean seconds from an order to its answer: what it computed, and what its link took.',
        unit: 's',
        width: 8,
      },
      { '{{worker}}': meanByWorker('lockstep_worker_answer_seconds') },
      { from: 0 },
    ),
    lines(
      {
        title: "Where the workers' time goes",
        description:
          'Shares of all their time in rounds: compute, link (messages under way), waiting (for other workers and the coordinator).',
        unit: 'percentunit',
        width: 8,
      },
      {
        '{{part}}': `sum by (part) (rate(lockstep_worker_time_seconds_total{${worker}}[$__rate_interval])) / ignoring (part) group_left () sum(rate(lockstep_worker_time_seconds_total{${worker}}[$__rate_interval]))`,
      },
      { stacked: true, from: 0 },
    ),
    lines(
      {
        title: 'Workers that joined, left and were refused',
        description: 'In the interval, by reason. disconnected: its process or its network died. Refusals are named as in docs/errors.md.',
        unit: 'short',
        width: 8,
      },
      {
        joined: `sum(increase(lockstep_worker_joins_total{${run}}[$__rate_interval]))`,
        'left: {{reason}}': `sum by (reason) (increase(lockstep_worker_leaves_total{${run}}[$__rate_interval]))`,
        'refused: {{code}}': `sum by (code) (increase(lockstep_worker_refusals_total{${run}}[$__rate_interval]))`,
      },
      { from: 0 },
    ),
    lines(
      {
        title: 'Work done twice',
        description:
          'Shards assigned again because their worker was lost, copied because it was late, and audited (--audit). They cost time, never bits.',
        unit: 'short',
        width: 4,
      },
      {
        reassigned: `sum(increase(lockstep_shards_reassigned_total{${run}}[$__rate_interval]))`,
        copied: `sum(increase(lockstep_shards_copied_total{${run}}[$__rate_interval]))`,
        audited: `sum(increase(lockstep_shards_audited_total{${run}}[$__rate_interval]))`,
      },
      { from: 0 },
    ),
    lines(
      {
        title: 'Wrong answers',
        description:
          'Audits (--audit) whose answers differed, and workers found wrong. The log and events.jsonl name them; the runbook says what to do.',
        unit: 'short',
        width: 12,
      },
      {
        'answers that differed': `sum(lockstep_audit_differences_total{${run}})`,
        'workers found wrong': `sum(lockstep_workers_wrong_total{${run}})`,
      },
      { from: 0 },
    ),
    table(
      {
        title: 'Who is here',
        description: 'Workers that have joined, with their device and how their tensors are carried.',
        unit: 'none',
        width: 12,
      },
      `lockstep_worker_info{${worker}}`,
      ['__name__', 'job', 'instance', 'role', 'run_id', 'Value'],
    ),
  ],
};

function meanByWorker(metric: string): string {
  return `sum by (worker) (rate(${metric}_sum{${worker}}[$__rate_interval])) / sum by (worker) (rate(${metric}_count{${worker}}[$__rate_interval]))`;
}
