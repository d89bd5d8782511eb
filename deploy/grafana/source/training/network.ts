import type { Row } from '../frame.ts';
import { lines } from '../panels.ts';
import { run } from './selectors.ts';

export const network: Row = {
  title: 'Network',
  panels: [
    lines(
      {
        title: 'Bytes per second',
        description: 'Exchanged with workers: inline, whole messages; shm, tensors in shared memory, which cost the network nothing.',
        unit: 'Bps',
        width: 12,
      },
      { '{{carrier}} {{direction}}': `sum by (carrier, direction) (rate(lockstep_transferred_bytes_total{${run}}[$__rate_interval]))` },
      { from: 0 },
    ),
    lines(
      {
        title: 'Results that did not count',
        description:
          'By what did not match. A few are normal after a worker was lost; many at all times are not. Tensors that were damaged on their way point at a network or a machine to check.',
        unit: 'short',
        width: 12,
      },
      {
        '{{reason}}': `sum by (reason) (increase(lockstep_results_dropped_total{${run}}[$__rate_interval]))`,
        'damaged, {{direction}}': `sum by (direction) (increase(lockstep_damaged_messages_total{${run}}[$__rate_interval]))`,
      },
      { from: 0 },
    ),
  ],
};
