import type { Row } from '../frame.ts';
import { heatmap, lines } from '../panels.ts';
import { run } from './selectors.ts';

export const stepAnatomy: Row = {
  title: 'Step anatomy',
  panels: [
    lines(
      {
        title: 'Where a step spends its time',
        description:
          'Mean seconds a step: idle (no round under way), checkpoint, data, serialise, send, compute (of the slowest worker), wait (links and queues), reduce (adding shards), apply (clip, update). The parts add up.',
        unit: 's',
        width: 12,
      },
      {
        '{{part}}': `sum by (part) (rate(lockstep_phase_duration_seconds_sum{${run}}[$__rate_interval])) / ignoring (part) group_left () sum(rate(lockstep_steps_total{${run}}[$__rate_interval]))`,
      },
      { stacked: true, from: 0 },
    ),
    lines(
      { title: 'Time of each phase', description: 'Mean seconds a step, all parts together.', unit: 's', width: 12 },
      {
        '{{phase}}': `sum by (phase) (rate(lockstep_phase_duration_seconds_sum{${run}}[$__rate_interval])) / ignoring (phase) group_left () sum(rate(lockstep_steps_total{${run}}[$__rate_interval]))`,
      },
      { stacked: true, from: 0 },
    ),
    lines(
      { title: 'Step duration', description: 'From the first order of a step to its last commit.', unit: 's', width: 12 },
      {
        median: quantile(0.5),
        'slowest 5 %': quantile(0.95),
        'slowest 1 %': quantile(0.99),
      },
      { from: 0 },
    ),
    heatmap(
      {
        title: 'Step durations',
        description: 'How many steps took how long. Two bands mean that something comes and goes.',
        unit: 's',
        width: 12,
      },
      `sum by (le) (rate(lockstep_step_duration_seconds_bucket{${run}}[$__rate_interval]))`,
    ),
  ],
};

function quantile(share: number): string {
  return `histogram_quantile(${share}, sum by (le) (rate(lockstep_step_duration_seconds_bucket{${run}}[$__rate_interval])))`;
}
