/** The dashboard of one run: its rows, variables and annotations. */
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { annotation, dashboard, datasourceVariable, labelVariable, uids } from './frame.ts';
import { checkpoints } from './training/checkpoints.ts';
import { isItTraining } from './training/is-it-training.ts';
import { lossesAndHealth } from './training/losses-and-health.ts';
import { network } from './training/network.ts';
import { processes } from './training/processes.ts';
import { stepAnatomy } from './training/step-anatomy.ts';
import { stragglers } from './training/stragglers.ts';
import { coordinator, run } from './training/selectors.ts';

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
