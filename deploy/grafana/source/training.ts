/** The dashboard of one run. */
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { annotation, dashboard, datasourceVariable, labelVariable, type Row, uids } from './frame.ts';
import { figure, heatmap, lines, name, table } from './panels.ts';

const run = 'job=~"$job", run_id=~"$run"';
const worker = `${run}, worker=~"$worker"`;
/** Processes: the coordinator, which has no label `worker`, and the workers that were chosen. */
const process = `${run}, worker=~"$worker|"`;
const coordinator = `${run}, role="coordinator"`;

const isItTraining: Row = {
  title: 'Is it training?',
  panels: [
    name(
      {
        title: 'Stage',
        description: 'What the run does: gathering waits for its first workers, starved for lost ones. /status says more.',
        unit: 'none',
        width: 3,
      },
      { '{{stage}}': `lockstep_run_stage{${run}} == 1` },
    ),
    figure(
      {
        title: 'Progress',
        description: 'Steps committed out of those planned, over all lives of the coordinator.',
        unit: 'percentunit',
        width: 3,
      },
      { progress: `max(lockstep_run_step{${run}}) / max(lockstep_run_planned_steps{${run}})` },
    ),
    figure(
      {
        title: 'Steps per second',
        description: 'Steps committed. 0 while the run waits for workers or stands still.',
        unit: 'short',
        width: 4,
      },
      { 'steps/s': `sum(rate(lockstep_steps_total{${run}}[$__rate_interval]))` },
    ),
    figure(
      { title: 'Images per second', description: 'Training images consumed by committed steps.', unit: 'short', width: 4 },
      { 'images/s': `sum(rate(lockstep_images_total{${run}}[$__rate_interval]))` },
    ),
    figure(
      { title: 'Time left', description: 'Until the run is complete, if it goes on as in the last half minute.', unit: 's', width: 4 },
      { left: `max(lockstep_run_remaining_seconds{${run}})` },
    ),
    figure(
      {
        title: 'Workers missing',
        description: 'How many fewer are connected than the run was asked to train with.',
        unit: 'short',
        width: 3,
      },
      { missing: `sum(lockstep_workers_wanted{${run}}) - sum(lockstep_workers{${run}})` },
    ),
    figure(
      {
        title: 'Alerts',
        description: 'Alerts of this run that are pending or firing. The runbook has a section on each.',
        unit: 'short',
        width: 3,
      },
      { alerts: `count(ALERTS{${run}}) or vector(0)` },
    ),
    lines(
      { title: 'Speed', description: 'Training images consumed by committed steps, a second.', unit: 'short', width: 12 },
      { 'images/s': `sum(rate(lockstep_images_total{${run}}[$__rate_interval]))` },
      { from: 0 },
    ),
    lines(
      {
        title: 'Workers by state',
        description: 'Connected workers. A spare one is ready, but has no shard in this round.',
        unit: 'short',
        width: 12,
      },
      { '{{state}}': `sum by (state) (lockstep_workers{${run}})` },
      { stacked: true, from: 0 },
    ),
  ],
};

const lossesAndHealth: Row = {
  title: 'Losses and GAN health',
  panels: [
    lines(
      { title: 'Loss', description: 'Mean over the global batch in the last committed round of each phase.', unit: 'short', width: 12 },
      { '{{phase}}': `lockstep_loss{${run}}` },
    ),
    lines(
      {
        title: 'Scores of the recipe',
        description:
          'What the recipe reports beside its losses. For a GAN, realScore is D(x) and fakeScore is D(G(z)): 1 and 0 mean that the discriminator has won, 0.5 each that it cannot tell.',
        unit: 'short',
        width: 12,
      },
      { '{{name}}': `lockstep_recipe_metric{${run}}` },
    ),
    lines(
      {
        title: 'Gradient norms',
        description:
          'Before clipping. A norm that sinks towards 0 means that its network learns nothing any more; one that soars foretells numbers that are not finite.',
        unit: 'short',
        width: 8,
      },
      { '{{phase}}': `lockstep_gradient_norm{${run}}` },
      { from: 0 },
    ),
    lines(
      { title: 'Update norms', description: 'How far a commit moved the weights of its network.', unit: 'short', width: 8 },
      { '{{phase}}': `lockstep_update_norm{${run}}` },
      { from: 0 },
    ),
    lines(
      {
        title: 'Rounds that were not finite',
        description:
          'Losses or gradients that were infinite or NaN, and were computed once more. If that did not help, the run has ended, or left the round out (--on-nonfinite skip).',
        unit: 'short',
        width: 8,
      },
      { '{{phase}}': `sum by (phase) (lockstep_nonfinite_rounds_total{${run}})` },
      { from: 0 },
    ),
  ],
};

const stepAnatomy: Row = {
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

function meanByWorker(metric: string): string {
  return `sum by (worker) (rate(${metric}_sum{${worker}}[$__rate_interval])) / sum by (worker) (rate(${metric}_count{${worker}}[$__rate_interval]))`;
}

const stragglers: Row = {
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

const network: Row = {
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

const checkpoints: Row = {
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

const processes: Row = {
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

export const training: Dashboard = dashboard(
  {
    uid: uids.training,
    title: 'Lockstep: training',
    description: 'One run: is it training, how well, what takes the time, and who is late.',
  },
  [isItTraining, lossesAndHealth, stepAnatomy, stragglers, network, checkpoints, processes],
  (builder) =>
    builder
      .withVariable(datasourceVariable())
      .withVariable(labelVariable('job', 'Job', 'label_values(lockstep_run_info, job)', true))
      .withVariable(labelVariable('run', 'Run', 'label_values(lockstep_run_info{job=~"$job"}, run_id)', false))
      .withVariable(labelVariable('worker', 'Worker', `label_values(lockstep_worker_info{${run}}, worker)`, true))
      .annotation(
        annotation(
          'Workers that joined',
          'green',
          `lockstep_worker_joins_total{${run}} - lockstep_worker_joins_total{${run}} offset $__interval > 0`,
          'A worker joined',
        ),
      )
      .annotation(
        annotation(
          'Workers that left',
          'red',
          `lockstep_worker_leaves_total{${run}} - lockstep_worker_leaves_total{${run}} offset $__interval > 0`,
          'A worker left: {{reason}}',
        ),
      )
      .annotation(
        annotation('Checkpoints', 'blue', `lockstep_checkpoint_last_success_timestamp_seconds{${run}} * 1000`, 'Checkpoint written', true),
      )
      .annotation(
        annotation(
          'Starts of the coordinator',
          'orange',
          `process_start_time_seconds{${coordinator}} * 1000`,
          'The coordinator started',
          true,
        ),
      ),
);
