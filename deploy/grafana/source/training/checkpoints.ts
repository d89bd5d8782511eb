import type { Row } from '../frame.ts';
import { lines } from '../panels.ts';
import { run } from './selectors.ts';

export const checkpoints: Row = {
  title: 'Checkpoints',
  panels: [
    lines(
      { title: 'Age of the newest checkpoint', description: 'What a resume would lose.', unit: 's', width: 6 },
      { age: `time() - max(lockstep_checkpoint_last_success_timestamp_seconds{${run}})` },
      { from: 0 },
    ),
    lines(
      { title: 'Time to write a checkpoint', description: 'Mean in the interval, fsync included.', unit: 's', width: 6 },
      {
        mean: `sum(rate(lockstep_checkpoint_duration_seconds_sum{${run}}[$__rate_interval])) / sum(rate(lockstep_checkpoint_duration_seconds_count{${run}}[$__rate_interval]))`,
      },
      { from: 0 },
    ),
    lines(
      { title: 'Size of a checkpoint', description: 'All of its files together.', unit: 'bytes', width: 6 },
      { size: `max(lockstep_checkpoint_size_bytes{${run}})` },
      { from: 0 },
    ),
    lines(
      { title: 'Failed checkpoints', description: 'Those that could not be written. The one before stays valid.', unit: 'short', width: 6 },
      { failed: `sum(increase(lockstep_checkpoint_failures_total{${run}}[$__rate_interval]))` },
      { from: 0 },
    ),
  ],
};
