import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricDeclaration } from '@lockstep/shared';
import { metricTable } from './table.ts';

const declarations: readonly MetricDeclaration[] = Object.values(metricTable);

test('names, types and labels are an interface: dashboards and alerts hold on to them', () => {
  const pinned = declarations.map(({ type, name, labels }) => `${type} ${name}{${Object.keys(labels).join(',')}}`);
  assert.deepEqual(pinned, [
    'gauge lockstep_build_info{version,protocol}',
    'gauge lockstep_run_info{run_id,recipe,seed,backend}',
    'gauge lockstep_coordinator_term{}',
    'gauge lockstep_run_step{}',
    'gauge lockstep_run_planned_steps{}',
    'gauge lockstep_run_stage{stage}',
    'gauge lockstep_run_remaining_seconds{}',
    'counter lockstep_steps_total{}',
    'counter lockstep_images_total{}',
    'gauge lockstep_loss{phase,network}',
    'gauge lockstep_gradient_norm{phase,network}',
    'gauge lockstep_update_norm{phase,network}',
    'counter lockstep_nonfinite_rounds_total{phase}',
    'gauge lockstep_recipe_metric{phase,name}',
    'histogram lockstep_step_duration_seconds{}',
    'histogram lockstep_phase_duration_seconds{phase,part}',
    'gauge lockstep_workers{state}',
    'gauge lockstep_workers_wanted{}',
    'counter lockstep_worker_joins_total{}',
    'counter lockstep_worker_leaves_total{reason}',
    'counter lockstep_worker_refusals_total{code}',
    'gauge lockstep_worker_info{worker,name,host,backend,device,carrier}',
    'histogram lockstep_worker_compute_seconds{worker}',
    'histogram lockstep_worker_answer_seconds{worker}',
    'counter lockstep_worker_time_seconds_total{worker,part}',
    'gauge lockstep_worker_late_seconds{worker}',
    'gauge lockstep_worker_straggler{worker,cause}',
    'counter lockstep_shards_reassigned_total{}',
    'counter lockstep_shards_copied_total{}',
    'counter lockstep_shards_audited_total{}',
    'counter lockstep_audit_differences_total{}',
    'counter lockstep_workers_wrong_total{}',
    'counter lockstep_results_dropped_total{reason}',
    'counter lockstep_damaged_messages_total{direction}',
    'counter lockstep_transferred_bytes_total{carrier,direction}',
    'histogram lockstep_checkpoint_duration_seconds{}',
    'gauge lockstep_checkpoint_last_success_timestamp_seconds{}',
    'gauge lockstep_checkpoint_size_bytes{}',
    'counter lockstep_checkpoint_failures_total{}',
  ]);
});
