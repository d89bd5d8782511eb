/**
 * Every metric of Lockstep, declared once. `instruments.ts` builds them, docs/metrics.md is made from them, dashboards may rely on the names.
 *
 * Responsible for: name, type, help, labels, buckets. Not responsible for: when a value changes (`metrics.ts`).
 * Rules: base units; `_total` on counters and nowhere else; histograms, not summaries; few labels with bounded values.
 */
import { carrierNames, type MetricTable as Table } from '@lockstep/shared';
import { dropReasons, leaveReasons, refusalCodes } from '../core/effects.ts';
import { stages, workerStates } from '../core/state.ts';
import { stragglerCauses } from './stragglers.ts';
import { directions, phaseParts, workerParts } from './labels.ts';

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
  runStage: {
    type: 'gauge',
    name: 'lockstep_run_stage',
    help: 'Always 1, for what the run does at present: gathering (waits for its first workers), training, starved (waits for lost workers), ended.',
    labels: { stage: stages },
  },
  runRemaining: {
    type: 'gauge',
    name: 'lockstep_run_remaining_seconds',
    help: 'Time until the run is complete, if it goes on as in the last half minute. Absent until that is known.',
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
    help: "Mean loss over the global batch in the phase's last committed round; network is one that the phase updates. Absent before the first.",
    labels: { phase: 'phases', network: 'networks' },
  },
  gradientNorm: {
    type: 'gauge',
    name: 'lockstep_gradient_norm',
    help: "L2 norm of the phase's last committed gradient for the network, before clipping. Absent before the first.",
    labels: { phase: 'phases', network: 'networks' },
  },
  updateNorm: {
    type: 'gauge',
    name: 'lockstep_update_norm',
    help: "L2 norm of the change that a commit of the phase made to the network's weights. Measured in one commit every few seconds; absent before the first.",
    labels: { phase: 'phases', network: 'networks' },
  },
  nonFiniteRounds: {
    type: 'counter',
    name: 'lockstep_nonfinite_rounds_total',
    help: 'Rounds whose loss or gradient was not finite. Each is computed once more; if that is no better, nothing is committed from it, and the run ends or leaves it out (--on-nonfinite).',
    labels: { phase: 'phases' },
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
    help: 'Where the time of a round goes, from the commit before it to its own: idle (no round was under way), checkpoint (copying the state), data (gathering samples), serialise, send, compute (forward and backward, of the slowest worker), wait (links, queues, other delays), reduce (adding shards), apply (clip, update). The parts add up.',
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
  workerRefusals: {
    type: 'counter',
    name: 'lockstep_worker_refusals_total',
    help: 'Workers that were sent away, by the error they were given (docs/errors.md).',
    labels: { code: refusalCodes },
  },
  workerInfo: {
    type: 'gauge',
    name: 'lockstep_worker_info',
    help: 'Always 1. A worker that has joined. worker is its --name, local-0 and so on if the coordinator started it, else a slot that its next life gets too; name is what the log calls it. All series that name a worker end a minute after it has left.',
    labels: { worker: 'open', name: 'open', host: 'open', backend: 'open', device: 'open', carrier: 'open' },
  },
  workerCompute: {
    type: 'histogram',
    name: 'lockstep_worker_compute_seconds',
    help: 'Time a worker computed for one WORK, as it reports it. Beyond 256 names one series, other, serves the rest.',
    labels: { worker: 'open' },
    buckets: workerBuckets,
  },
  workerAnswer: {
    type: 'histogram',
    name: 'lockstep_worker_answer_seconds',
    help: 'Time from sending a WORK to a worker until its answer was here: what it computed, and what its link took.',
    labels: { worker: 'open' },
    buckets: workerBuckets,
  },
  workerTime: {
    type: 'counter',
    name: 'lockstep_worker_time_seconds_total',
    help: "Where a worker's time in committed rounds went: compute, link (messages under way, in queues or in its process), waiting (for other workers and the coordinator). The parts add up to its rounds. For an answer that came too late for its round: until it came.",
    labels: { worker: 'open', part: workerParts },
  },
  workerLate: {
    type: 'gauge',
    name: 'lockstep_worker_late_seconds',
    help: 'How much later than the median worker it answers, in the median over its last rounds. Absent until there are enough of them.',
    labels: { worker: 'open' },
  },
  workerStraggler: {
    type: 'gauge',
    name: 'lockstep_worker_straggler',
    help: 'Whether (1 or 0) a worker is late again and again for this cause: compute (it computes longer), link (its messages take longer). The others wait for it, or compute its shards as well.',
    labels: { worker: 'open', cause: stragglerCauses },
  },
  shardsReassigned: {
    type: 'counter',
    name: 'lockstep_shards_reassigned_total',
    help: 'Shards assigned again because the worker that owed them was lost.',
    labels: {},
  },
  shardsCopied: {
    type: 'counter',
    name: 'lockstep_shards_copied_total',
    help: 'Shards computed by another worker as well because the answer was late.',
    labels: {},
  },
  shardsAudited: {
    type: 'counter',
    name: 'lockstep_shards_audited_total',
    help: 'Shards that counted once two workers had given the same answer (--audit).',
    labels: {},
  },
  auditDifferences: {
    type: 'counter',
    name: 'lockstep_audit_differences_total',
    help: 'WORKs to which two workers gave different answers. None of them counts until two workers agree.',
    labels: {},
  },
  workersWrong: {
    type: 'counter',
    name: 'lockstep_workers_wrong_total',
    help: 'Workers against whose answer two others agreed. They get no work any more, unless they corrected themselves when nobody else could decide.',
    labels: {},
  },
  resultsDropped: {
    type: 'counter',
    name: 'lockstep_results_dropped_total',
    help: 'Results that did not count, by what did not match.',
    labels: { reason: dropReasons },
  },
  damagedMessages: {
    type: 'counter',
    name: 'lockstep_damaged_messages_total',
    help: 'Messages whose tensors arrived with other bits than were sent, by their checksums. They are not used; the WORK is sent again.',
    labels: { direction: directions },
  },
  transferredBytes: {
    type: 'counter',
    name: 'lockstep_transferred_bytes_total',
    help: "Bytes exchanged with workers: inline, all of the messages without the transport's own framing; shm, tensors in shared memory.",
    labels: { carrier: carrierNames, direction: directions },
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
    help: 'When this coordinator process last wrote a checkpoint, in seconds since 1970. Absent before the first.',
    labels: {},
  },
  checkpointSize: {
    type: 'gauge',
    name: 'lockstep_checkpoint_size_bytes',
    help: 'Size of the last checkpoint, all of its files together. Absent before the first.',
    labels: {},
  },
  checkpointFailures: {
    type: 'counter',
    name: 'lockstep_checkpoint_failures_total',
    help: 'Checkpoints that could not be written. The one before stays valid.',
    labels: {},
  },
} as const satisfies Table;

export type MetricTable = typeof metricTable;
