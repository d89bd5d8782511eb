import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MetricDeclaration, metricTable } from './table.ts';

const declarations: readonly MetricDeclaration[] = Object.values(metricTable);

test('names, types and labels are an interface: dashboards and alerts hold on to them', () => {
  const pinned = declarations.map(({ type, name, labels }) => `${type} ${name}{${Object.keys(labels).join(',')}}`);
  assert.deepEqual(pinned, [
    'gauge lockstep_build_info{version,protocol}',
    'gauge lockstep_run_info{run_id,recipe,seed,backend}',
    'gauge lockstep_coordinator_term{}',
    'gauge lockstep_run_step{}',
    'gauge lockstep_run_planned_steps{}',
    'counter lockstep_steps_total{}',
    'counter lockstep_images_total{}',
    'gauge lockstep_loss{network}',
    'gauge lockstep_gradient_norm{network}',
    'gauge lockstep_recipe_metric{phase,name}',
    'histogram lockstep_step_duration_seconds{}',
    'histogram lockstep_phase_duration_seconds{phase,part}',
    'gauge lockstep_workers{state}',
    'gauge lockstep_workers_wanted{}',
    'counter lockstep_worker_joins_total{}',
    'counter lockstep_worker_leaves_total{reason}',
    'histogram lockstep_worker_compute_seconds{worker}',
    'counter lockstep_shards_reassigned_total{}',
    'counter lockstep_results_dropped_total{reason}',
    'counter lockstep_network_bytes_total{direction}',
    'histogram lockstep_checkpoint_duration_seconds{}',
    'gauge lockstep_checkpoint_last_success_timestamp_seconds{}',
    'counter lockstep_checkpoint_failures_total{}',
  ]);
});

test('the rules of names hold', () => {
  for (const { type, name, help, buckets } of declarations) {
    assert.match(name, /^lockstep_[a-z]+(_[a-z]+)*$/);
    assert.equal(name.endsWith('_total'), type === 'counter', `${name}: _total is for counters`);
    assert.equal(type === 'histogram', buckets !== undefined, `${name}: buckets are for histograms`);
    assert.doesNotMatch(name, /milliseconds|_ms\b|kilobytes|megabytes|percent/, `${name}: base units`);
    if (type === 'histogram') assert.match(name, /_seconds$/);
    assert.match(help, /^[A-Z].*\.$/, `${name}: help is a sentence`);
  }
  assert.equal(new Set(declarations.map(({ name }) => name)).size, declarations.length);
});

test('buckets ascend', () => {
  for (const { name, buckets = [] } of declarations) {
    assert.deepEqual(
      [...buckets],
      [...new Set(buckets)].sort((a, b) => a - b),
      name,
    );
  }
});
