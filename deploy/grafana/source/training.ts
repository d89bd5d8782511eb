/** The dashboard of one run. */
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { annotation, dashboard, datasourceVariable, labelVariable, type Row, uids } from './frame.ts';
import { figure, heatmap, lines } from './panels.ts';

const run = 'job=~"$job", run=~"$run"';
const worker = `${run}, worker=~"$worker"`;
const coordinator = `${run}, role="coordinator"`;

const isItTraining: Row = {
  title: 'Is it training?',
  panels: [
    figure(
      {
        title: 'Progress',
        description: 'Steps committed out of those planned, over all lives of the coordinator.',
        unit: 'percentunit',
        width: 4,
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
      { title: 'Time left', description: 'At the present speed. Infinite while no step is committed.', unit: 's', width: 4 },
      {
        left: `(max(lockstep_run_planned_steps{${run}}) - max(lockstep_run_step{${run}})) / sum(rate(lockstep_steps_total{${run}}[$__rate_interval]))`,
      },
    ),
    figure(
      {
        title: 'Workers missing',
        description: 'How many workers fewer are connected than the run was asked to train with.',
        unit: 'short',
        width: 4,
      },
      { missing: `sum(lockstep_workers_wanted{${run}}) - sum(lockstep_workers{${run}})` },
    ),
    figure(
      {
        title: 'Alerts',
        description: 'Alerts of this run that are pending or firing. The runbook has a section on each.',
        unit: 'short',
        width: 4,
      },
      { alerts: `count(ALERTS{${run}}) or vector(0)` },
    ),
    lines(
      { title: 'Images per second', description: 'Training images consumed by committed steps.', unit: 'short', width: 12 },
      { 'images/s': `sum(rate(lockstep_images_total{${run}}[$__rate_interval]))` },
      { from: 0 },
    ),
    lines(
      {
        title: 'Workers by state',
        description: 'Connected workers. A spare one is ready, but has no shard in this round; the dashed line is how many the run wants.',
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
      { title: 'Loss', description: 'Mean over the global batch in the last committed round.', unit: 'short', width: 12 },
      { '{{network}}': `lockstep_loss{${run}}` },
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
        width: 12,
      },
      { '{{network}}': `lockstep_gradient_norm{${run}}` },
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
          'Mean seconds a step, by phase and part: compute (the slowest worker), wait (assigning, the network, queues), reduce (adding shards), apply (clip, update).',
        unit: 's',
        width: 12,
      },
      {
        '{{phase}} {{part}}': `sum by (phase, part) (rate(lockstep_phase_duration_seconds_sum{${run}}[$__rate_interval])) / ignoring (phase, part) group_left () sum(rate(lockstep_steps_total{${run}}[$__rate_interval]))`,
      },
      { stacked: true, from: 0 },
    ),
    lines(
      { title: 'Step duration', description: 'From the first order of a step to its last commit.', unit: 's', width: 12 },
      {
        median: `histogram_quantile(0.5, sum by (le) (rate(lockstep_step_duration_seconds_bucket{${run}}[$__rate_interval])))`,
        'slowest 5 %': `histogram_quantile(0.95, sum by (le) (rate(lockstep_step_duration_seconds_bucket{${run}}[$__rate_interval])))`,
        'slowest 1 %': `histogram_quantile(0.99, sum by (le) (rate(lockstep_step_duration_seconds_bucket{${run}}[$__rate_interval])))`,
      },
      { from: 0 },
    ),
    heatmap(
      {
        title: 'Step durations',
        description: 'How many steps took how long. Two bands mean that something comes and goes.',
        unit: 's',
        width: 24,
      },
      `sum by (le) (rate(lockstep_step_duration_seconds_bucket{${run}}[$__rate_interval]))`,
    ),
  ],
};

const stragglers: Row = {
  title: 'Stragglers and why',
  panels: [
    lines(
      {
        title: 'Compute time by worker',
        description: 'Mean seconds a worker computed for one order, as it reports it.',
        unit: 's',
        width: 12,
      },
      {
        '{{worker}}': `sum by (worker) (rate(lockstep_worker_compute_seconds_sum{${worker}}[$__rate_interval])) / sum by (worker) (rate(lockstep_worker_compute_seconds_count{${worker}}[$__rate_interval]))`,
      },
      { from: 0 },
    ),
    lines(
      {
        title: 'Compute time relative to the median worker',
        description: 'Over five minutes. 1 is like everybody; at 1.5 the alert on stragglers begins to wait.',
        unit: 'short',
        width: 12,
      },
      { '{{worker}}': `worker:lockstep_worker_compute:median_ratio5m{${worker}}` },
      { from: 0 },
    ),
    lines(
      {
        title: 'Workers that joined and left',
        description: 'In the interval, by reason. disconnected: its process or its network died.',
        unit: 'short',
        width: 12,
      },
      {
        joined: `sum(increase(lockstep_worker_joins_total{${run}}[$__rate_interval]))`,
        'left: {{reason}}': `sum by (reason) (increase(lockstep_worker_leaves_total{${run}}[$__rate_interval]))`,
      },
      { from: 0 },
    ),
    lines(
      {
        title: 'Work done twice',
        description: 'Shards assigned again because their worker was lost. They cost time, never bits.',
        unit: 'short',
        width: 12,
      },
      { reassigned: `sum(increase(lockstep_shards_reassigned_total{${run}}[$__rate_interval]))` },
      { from: 0 },
    ),
  ],
};

const network: Row = {
  title: 'Network',
  panels: [
    lines(
      {
        title: 'Bytes per second',
        description: 'Messages exchanged with workers, without what goes through shared memory.',
        unit: 'Bps',
        width: 12,
      },
      { '{{direction}}': `sum by (direction) (rate(lockstep_network_bytes_total{${run}}[$__rate_interval]))` },
      { from: 0 },
    ),
    lines(
      {
        title: 'Results that did not count',
        description: 'By what did not match. Some are normal after a worker was lost; many at all times are not.',
        unit: 'short',
        width: 12,
      },
      { '{{reason}}': `sum by (reason) (increase(lockstep_results_dropped_total{${run}}[$__rate_interval]))` },
      { from: 0 },
    ),
  ],
};

const checkpoints: Row = {
  title: 'Checkpoints',
  panels: [
    lines(
      { title: 'Age of the newest checkpoint', description: 'What a resume would lose.', unit: 's', width: 8 },
      { age: `time() - max(lockstep_checkpoint_last_success_timestamp_seconds{${run}} > 0)` },
      { from: 0 },
    ),
    lines(
      { title: 'Time to write a checkpoint', description: 'Mean, fsync included.', unit: 's', width: 8 },
      {
        mean: `sum(increase(lockstep_checkpoint_duration_seconds_sum{${run}}[$__range])) / sum(increase(lockstep_checkpoint_duration_seconds_count{${run}}[$__range]))`,
      },
      { from: 0 },
    ),
    lines(
      { title: 'Failed checkpoints', description: 'Those that could not be written. The one before stays valid.', unit: 'short', width: 8 },
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
      { '{{role}} {{worker}}': `rate(process_cpu_seconds_total{${run}}[$__rate_interval])` },
      { from: 0 },
    ),
    lines(
      { title: 'Memory', description: 'Resident. A line that only rises is a leak.', unit: 'bytes', width: 8 },
      { '{{role}} {{worker}}': `process_resident_memory_bytes{${run}}` },
      { from: 0 },
    ),
    lines(
      { title: 'Delay of the event loop', description: 'The slowest 1 %. Long delays make heartbeats late.', unit: 's', width: 8 },
      { '{{role}} {{worker}}': `nodejs_eventloop_lag_p99_seconds{${run}}` },
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
      .withVariable(labelVariable('run', 'Run', 'label_values(lockstep_run_info{job=~"$job"}, run)', false))
      .withVariable(labelVariable('worker', 'Worker', `label_values(lockstep_worker_compute_seconds_count{${run}}, worker)`, true))
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
        annotation(
          'Checkpoints',
          'blue',
          `(lockstep_checkpoint_last_success_timestamp_seconds{${run}} > 0) * 1000`,
          'Checkpoint written',
          true,
        ),
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
