/**
 * Every metric of a worker's own process, in one table: the registry and docs/metrics.md are made from it.
 *
 * What a worker does in a run is measured by the coordinator as well (`lockstep_worker_*{worker}`); here is what only the process knows.
 * No label says which worker it is: the coordinator's /sd gives the label `worker` to all that is scraped from it.
 */
import type { MetricTable } from '@lockstep/shared';

/** What a worker's time is made of. They add up to the time since its first WORK. */
export const loopParts = ['load', 'compute', 'serialise', 'send', 'idle'] as const;
export type LoopPart = (typeof loopParts)[number];

export const tasks = ['gradient', 'generate'] as const;

export const metricTable = {
  processInfo: {
    type: 'gauge',
    name: 'lockstep_process_info',
    help: "Always 1. The worker's version of Lockstep, the protocol it speaks, and what it computes with.",
    labels: { version: 'open', protocol: 'open', backend: 'open', device: 'open' },
  },
  connected: {
    type: 'gauge',
    name: 'lockstep_connected',
    help: 'Whether (1 or 0) the worker has a connection to its coordinator.',
    labels: {},
  },
  results: {
    type: 'counter',
    name: 'lockstep_results_total',
    help: 'Answers sent, by what was asked for.',
    labels: { task: tasks },
  },
  loopTime: {
    type: 'counter',
    name: 'lockstep_loop_seconds_total',
    help: "Where the worker's time goes: load (taking over weights), compute (forward and backward), serialise, send, idle (no WORK was here). The parts add up to the time since its first WORK.",
    labels: { part: loopParts },
  },
  gpuInfo: {
    type: 'gauge',
    name: 'lockstep_gpu_info',
    help: 'Always 1. A GPU that the worker may use; gpu is its UUID. Absent without nvidia-smi, as are all metrics of GPUs.',
    labels: { gpu: 'open', name: 'open' },
  },
  gpuUtilization: {
    type: 'gauge',
    name: 'lockstep_gpu_utilization_ratio',
    help: 'Share of the last sample period in which the GPU was busy, from 0 to 1.',
    labels: { gpu: 'open' },
  },
  gpuMemoryUsed: {
    type: 'gauge',
    name: 'lockstep_gpu_memory_used_bytes',
    help: 'Memory of the GPU in use, by all processes.',
    labels: { gpu: 'open' },
  },
  gpuMemorySize: {
    type: 'gauge',
    name: 'lockstep_gpu_memory_size_bytes',
    help: 'Memory of the GPU.',
    labels: { gpu: 'open' },
  },
  gpuTemperature: {
    type: 'gauge',
    name: 'lockstep_gpu_temperature_celsius',
    help: 'Temperature of the GPU.',
    labels: { gpu: 'open' },
  },
} as const satisfies MetricTable;
