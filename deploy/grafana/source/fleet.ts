/** The dashboard of all runs that a Prometheus scrapes. */
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, datasourceVariable, labelVariable, type Row, uids } from './frame.ts';
import { figure, lines, table } from './panels.ts';

const run = 'job=~"$job", run_id=~"$run"';

const runs: Row = {
  title: 'Runs side by side',
  panels: [
    figure(
      { title: 'Runs', description: 'Runs whose coordinator answers.', unit: 'short', width: 6 },
      { runs: `count(lockstep_run_info{${run}})` },
    ),
    figure(
      { title: 'Images per second', description: 'Of all runs together.', unit: 'short', width: 6 },
      { 'images/s': `sum(run:lockstep_images:rate1m{${run}})` },
    ),
    figure(
      { title: 'Processes down', description: 'Coordinators and workers that Prometheus cannot scrape.', unit: 'short', width: 6 },
      { down: `count(up{${run}} == 0) or vector(0)` },
    ),
    figure(
      { title: 'Alerts', description: 'Pending or firing, of all runs.', unit: 'short', width: 6 },
      { alerts: `count(ALERTS{${run}}) or vector(0)` },
    ),
    table(
      {
        title: 'What runs',
        description: 'Each run, with its recipe, its seed, the backend of its workers, and its stage.',
        unit: 'none',
        width: 12,
      },
      `lockstep_run_info{${run}} * on (run_id) group_left (stage) (lockstep_run_stage{${run}} == 1)`,
      ['__name__', 'job', 'instance', 'role', 'exported_run_id', 'Value'],
    ),
    table(
      {
        title: 'Versions',
        description: 'Of the coordinators, and of the protocol that they speak. Term: how many lives the coordinator of a run has had.',
        unit: 'short',
        width: 12,
      },
      `lockstep_coordinator_term{${run}} * on (instance) group_left (version, protocol) lockstep_build_info{${run}}`,
      ['job', 'instance', 'role'],
    ),
    lines(
      { title: 'Progress', description: 'Steps committed out of those planned.', unit: 'percentunit', width: 12 },
      { '{{run_id}}': `max by (run_id) (lockstep_run_step{${run}} / lockstep_run_planned_steps{${run}})` },
      { from: 0 },
    ),
    lines(
      { title: 'Images per second', description: 'Training images consumed by committed steps, by run.', unit: 'short', width: 12 },
      { '{{run_id}}': `sum by (run_id) (rate(lockstep_images_total{${run}}[$__rate_interval]))` },
      { from: 0 },
    ),
  ],
};

const workers: Row = {
  title: 'Workers',
  panels: [
    lines(
      { title: 'Workers', description: 'Connected workers, by run.', unit: 'short', width: 8 },
      { '{{run_id}}': `sum by (run_id) (run:lockstep_workers:sum{${run}})` },
      { from: 0 },
    ),
    lines(
      {
        title: 'Workers lost',
        description: 'In the interval, by run and reason, without those that left by themselves.',
        unit: 'short',
        width: 8,
      },
      {
        '{{run_id}} {{reason}}': `sum by (run_id, reason) (increase(lockstep_worker_leaves_total{${run}, reason!="left"}[$__rate_interval]))`,
      },
      { from: 0 },
    ),
    lines(
      { title: 'Stragglers', description: 'Workers that are late again and again, by run and cause.', unit: 'short', width: 8 },
      { '{{run_id}}: {{cause}}': `sum by (run_id, cause) (lockstep_worker_straggler{${run}})` },
      { from: 0 },
    ),
    lines(
      {
        title: 'Share of time spent computing',
        description: 'Mean over the workers of each run. The rest is links and waiting.',
        unit: 'percentunit',
        width: 12,
      },
      { '{{run_id}}': `avg by (run_id) (worker:lockstep_worker_compute:ratio1m{${run}})` },
      { from: 0 },
    ),
    table(
      { title: 'Worker processes', description: 'What each runs and computes with, as it says itself.', unit: 'none', width: 12 },
      `lockstep_process_info{${run}}`,
      ['__name__', 'job', 'role', 'Value'],
    ),
  ],
};

const gpus: Row = {
  title: 'GPUs',
  panels: [
    lines(
      {
        title: 'GPU utilisation',
        description: 'Mean over the GPUs of each run. A GPU that does little is one that another run could use.',
        unit: 'percentunit',
        width: 8,
      },
      { '{{run_id}}': `avg by (run_id) (lockstep_gpu_utilization_ratio{${run}})` },
      { from: 0 },
    ),
    lines(
      { title: 'GPU memory in use', description: 'Share of the memory of each GPU.', unit: 'percentunit', width: 8 },
      { '{{run_id}} {{gpu}}': `max by (run_id, gpu) (lockstep_gpu_memory_used_bytes{${run}} / lockstep_gpu_memory_size_bytes{${run}})` },
      { from: 0 },
    ),
    table({ title: 'Which GPUs', description: 'GPUs that workers may use.', unit: 'none', width: 8 }, `lockstep_gpu_info{${run}}`, [
      '__name__',
      'job',
      'instance',
      'role',
      'Value',
    ]),
  ],
};

export const fleet: Dashboard = dashboard(
  { uid: uids.fleet, title: 'Lockstep: fleet', description: 'All runs: how far each is, how fast, on how many workers.' },
  [runs, workers, gpus],
  (builder) =>
    builder
      .withVariable(datasourceVariable())
      .withVariable(labelVariable('job', 'Job', 'label_values(lockstep_run_info, job)', true))
      .withVariable(labelVariable('run', 'Run', 'label_values(lockstep_run_info{job=~"$job"}, run_id)', true)),
);
