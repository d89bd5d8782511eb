import type { Row } from '../frame.ts';
import { lines } from '../panels.ts';
import { worker, process } from './selectors.ts';

export const processes: Row = {
  title: 'Processes and GPUs',
  panels: [
    lines(
      { title: 'CPU', description: 'Cores that each process keeps busy.', unit: 'short', width: 8 },
      { '{{role}} {{worker}}': `rate(process_cpu_seconds_total{${process}}[$__rate_interval])` },
      { from: 0 },
    ),
    lines(
      { title: 'Memory', description: 'Resident. A line that only rises is a leak.', unit: 'bytes', width: 8 },
      { '{{role}} {{worker}}': `process_resident_memory_bytes{${process}}` },
      { from: 0 },
    ),
    lines(
      { title: 'Delay of the event loop', description: 'The slowest 1 %. Long delays make heartbeats late.', unit: 's', width: 8 },
      { '{{role}} {{worker}}': `nodejs_eventloop_lag_p99_seconds{${process}}` },
      { from: 0 },
    ),
    lines(
      {
        title: "Workers' own view of their time",
        description: 'Shares of all their time: load (taking over weights), compute, serialise, send, idle.',
        unit: 'percentunit',
        width: 8,
      },
      {
        '{{part}}': `sum by (part) (rate(lockstep_loop_seconds_total{${worker}}[$__rate_interval])) / ignoring (part) group_left () sum(rate(lockstep_loop_seconds_total{${worker}}[$__rate_interval]))`,
      },
      { stacked: true, from: 0 },
    ),
    lines(
      { title: 'Answers per second', description: 'Sent by each worker, by what was asked for.', unit: 'short', width: 8 },
      { '{{worker}} {{task}}': `sum by (worker, task) (rate(lockstep_results_total{${worker}}[$__rate_interval]))` },
      { from: 0 },
    ),
    lines(
      { title: 'Connected', description: '1 while a worker has a connection to its coordinator.', unit: 'short', width: 8 },
      { '{{worker}}': `lockstep_connected{${worker}}` },
      { from: 0 },
    ),
    lines(
      {
        title: 'GPU utilisation',
        description: 'Share of time in which the GPU was busy. Low while compute is long: small batches, or data comes late.',
        unit: 'percentunit',
        width: 8,
      },
      { '{{worker}} {{gpu}}': `lockstep_gpu_utilization_ratio{${worker}}` },
      { from: 0 },
    ),
    lines(
      { title: 'GPU memory', description: 'In use by all processes, out of what the GPU has.', unit: 'bytes', width: 8 },
      { '{{worker}} used': `lockstep_gpu_memory_used_bytes{${worker}}`, '{{worker}} size': `lockstep_gpu_memory_size_bytes{${worker}}` },
      { from: 0 },
    ),
    lines(
      { title: 'GPU temperature', description: 'A hot GPU slows itself down.', unit: 'celsius', width: 8 },
      { '{{worker}} {{gpu}}': `lockstep_gpu_temperature_celsius{${worker}}` },
      { from: 0 },
    ),
  ],
};
