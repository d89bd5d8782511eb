import type { Row } from '../frame.ts';
import { figure, lines, name } from '../panels.ts';
import { run } from './selectors.ts';

export const isItTraining: Row = {
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
