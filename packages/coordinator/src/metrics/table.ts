/**
 * Every metric of Lockstep, declared once. `instruments.ts` builds them, docs/metrics.md is made from them, dashboards may rely on the names.
 *
 * Responsible for: name, type, help, labels, buckets. Not responsible for: when a value changes (`metrics.ts`).
 * Rules: base units; `_total` on counters and nowhere else; histograms, not summaries; few labels with bounded values.
 */
import { dropReasons, leaveReasons } from '../core/effects.ts';
import { directions, phaseParts, workerStates } from './labels.ts';

/**
 * Known ones, or those of the recipe: series of these are exported as 0 before their first event. `open`: they come from outside, and
 * `metrics.ts` bounds them.
 */
export type LabelValues = readonly string[] | 'networks' | 'phases' | 'open';

export interface MetricDeclaration {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly help: string;
  /** Every label and its values. */
  readonly labels: Readonly<Record<string, LabelValues>>;
  /** Histograms only: upper bounds, ascending. */
  readonly buckets?: readonly number[];
}

/** Seconds. From a small step on a GPU to a large one on a slow CPU. */
const stepBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;
/** Seconds. Reducing and applying a small model takes less than a millisecond. */
const partBuckets = [0.0001, 0.00025, 0.0005, ...stepBuckets] as const;
/** Seconds. One set of series per worker, so fewer of them: enough for a heat map that shows a straggler. */
const workerBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60] as const;
/** Seconds. Files, with fsync. */
const checkpointBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

export const metricTable = {
  buildInfo: {
    type: 'gauge',
    name: 'lockstep_build_info',
    help: 'Always 1. The version of the coordinator and of the protocol it speaks.',
    labels: { version: 'open', protocol: 'open' },
  },
  runInfo: {
    type: 'gauge',
    name: 'lockstep_run_info',
    help: 'Always 1. The run that is being trained. backend is empty until the first worker has joined.',
    labels: { run_id: 'open', recipe: 'open', seed: 'open', backend: 'open' },
  },
  coordinatorTerm: {
    type: 'gauge',
    name: 'lockstep_coordinator_term',
    help: "Lives of the run's coordinator: rises by one each time it starts.",
    labels: {},
  },
  runStep: {
    type: 'gauge',
    name: 'lockstep_run_step',
    help: 'Steps committed since the run began, in all lives of its coordinator. A resume takes it back to the checkpoint.',
    labels: {},
  },
  runPlannedSteps: {
    type: 'gauge',
    name: 'lockstep_run_planned_steps',
    help: 'Steps at which the run is complete.',
    labels: {},
  },
  steps: {
    type: 'counter',
    name: 'lockstep_steps_total',
    help: 'Steps committed by this coordinator process.',
    labels: {},
  },
  images: {
    type: 'counter',
    name: 'lockstep_images_total',
    help: 'Training images consumed by the steps that this coordinator process committed.',
    labels: {},
  },
  loss: {
    type: 'gauge',
    name: 'lockstep_loss',
    help: "Mean loss over the global batch in the network's last committed round. 0 before the first.",
    labels: { network: 'networks' },
  },
  gradientNorm: {
    type: 'gauge',
    name: 'lockstep_gradient_norm',
    help: "L2 norm of the network's last committed gradient, before clipping. 0 before the first.",
    labels: { network: 'networks' },
  },
  recipeMetric: {
    type: 'gauge',
    name: 'lockstep_recipe_metric',
    help: "A mean that the recipe reports beside its loss, in the phase's last committed round. At most 32 names a phase.",
    labels: { phase: 'phases', name: 'open' },
  },
  stepDuration: {
    type: 'histogram',
    name: 'lockstep_step_duration_seconds',
    help: "Time from a step's first WORK to its last commit.",
    labels: {},
    buckets: stepBuckets,
  },
  phaseDuration: {
    type: 'histogram',
    name: 'lockstep_phase_duration_seconds',
    help: "Where a round's time goes: compute (the slowest worker), wait (dealing, the network, queues), reduce (adding shards), apply (clip, update).",
    labels: { phase: 'phases', part: phaseParts },
    buckets: partBuckets,
  },
  workers: {
    type: 'gauge',
    name: 'lockstep_workers',
    help: 'Connected workers by state. spare: ready, but without a shard in this round.',
    labels: { state: workerStates },
  },
  workersWanted: {
    type: 'gauge',
    name: 'lockstep_workers_wanted',
    help: 'Workers that the run was asked to train with.',
    labels: {},
  },
  workerJoins: {
    type: 'counter',
    name: 'lockstep_worker_joins_total',
    help: 'Workers that joined, rejoining ones included.',
    labels: {},
  },
  workerLeaves: {
    type: 'counter',
    name: 'lockstep_worker_leaves_total',
    help: 'Workers that had joined and are gone: connection lost, left by themselves, missed a deadline, or expelled for what they sent.',
    labels: { reason: leaveReasons },
  },
  workerCompute: {
    type: 'histogram',
    name: 'lockstep_worker_compute_seconds',
    help: 'Time a worker computed for one WORK, as it reports it. Series of a worker that will not come back are dropped; beyond 256 names one series serves the rest.',
    labels: { worker: 'open' },
    buckets: workerBuckets,
  },
  shardsReassigned: {
    type: 'counter',
    name: 'lockstep_shards_reassigned_total',
    help: 'Shards dealt again because the worker that owed them was lost.',
    labels: {},
  },
  resultsDropped: {
    type: 'counter',
    name: 'lockstep_results_dropped_total',
    help: 'Results that did not count, by what did not match.',
    labels: { reason: dropReasons },
  },
  networkBytes: {
    type: 'counter',
    name: 'lockstep_network_bytes_total',
    help: "Bytes of messages exchanged with workers, without the transport's own framing and without what goes through shared memory.",
    labels: { direction: directions },
  },
  checkpointDuration: {
    type: 'histogram',
    name: 'lockstep_checkpoint_duration_seconds',
    help: 'Time taken by checkpoints that were written.',
    labels: {},
    buckets: checkpointBuckets,
  },
  checkpointLastSuccess: {
    type: 'gauge',
    name: 'lockstep_checkpoint_last_success_timestamp_seconds',
    help: 'When the last checkpoint was written, in seconds since 1970. 0 before the first.',
    labels: {},
  },
  checkpointFailures: {
    type: 'counter',
    name: 'lockstep_checkpoint_failures_total',
    help: 'Checkpoints that could not be written. The one before stays valid.',
    labels: {},
  },
} as const satisfies Readonly<Record<string, MetricDeclaration>>;

export type MetricTable = typeof metricTable;
export type MetricKey = keyof MetricTable;
