import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { protocolVersion } from '@lockstep/shared';
import { register } from 'prom-client';
import { dropReasons, leaveReasons } from '../core/effects.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { directions, phaseParts, workerStates } from './labels.ts';
import { metricTable } from './table.ts';

const recipe = { name: 'gan', networks: ['generator', 'discriminator'], phases: ['discriminator', 'generator'] };
const create = (options: { processMetrics: boolean } = { processMetrics: false }): Metrics =>
  createMetrics({ recipe, runId: 'run-1', version: '0.1.0', seed: 7, ...options });

/** Every sample of a scrape: 'name{labels}' to its value, as text. */
async function scrape({ registry }: Metrics): Promise<Map<string, string>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]));
}

/** Something of everything. */
function use(metrics: Metrics): void {
  metrics.planned({ term: 2, step: 500, steps: 1000, workersWanted: 4 });
  metrics.runsOn('wasm');
  const seconds = { computeSeconds: 0.2, waitSeconds: 0.03, reduceSeconds: 0.0002, applySeconds: 0.004 };
  metrics.roundCommitted({
    phase: 'discriminator',
    network: 'discriminator',
    loss: 0.7,
    gradientNorm: 3,
    metrics: { accuracy: 0.5 },
    ...seconds,
  });
  metrics.roundCommitted({ phase: 'generator', network: 'generator', loss: 1.5, gradientNorm: 2, metrics: {}, ...seconds });
  metrics.stepCommitted({ step: 501, images: 128, seconds: 0.47 });
  metrics.workers({ computing: 3, spare: 1 });
  metrics.workerJoined('a');
  metrics.workerComputed('a', 0.2);
  metrics.instruments.workerLeaves.inc({ reason: 'timeout' });
  metrics.instruments.shardsReassigned.inc(2);
  metrics.instruments.resultsDropped.inc({ reason: 'other-round' });
  metrics.instruments.networkBytes.inc({ direction: 'sent' }, 1000);
  metrics.instruments.networkBytes.inc({ direction: 'sent' }, 24);
  metrics.checkpointWritten({ seconds: 0.3, atSecondsSince1970: 1_800_000_000 });
  metrics.instruments.checkpointFailures.inc();
}

test('known series are exported as 0 before their first event', async () => {
  const samples = await scrape(create());
  const zeros = [
    'lockstep_images_total',
    'lockstep_steps_total',
    'lockstep_step_duration_seconds_count',
    'lockstep_worker_joins_total',
    'lockstep_shards_reassigned_total',
    'lockstep_checkpoint_duration_seconds_count',
    'lockstep_checkpoint_failures_total',
    'lockstep_checkpoint_last_success_timestamp_seconds',
    'lockstep_coordinator_term',
    ...recipe.networks.flatMap((network) => [`lockstep_loss{network="${network}"}`, `lockstep_gradient_norm{network="${network}"}`]),
    ...recipe.phases.flatMap((phase) => phaseParts.map((part) => `lockstep_phase_duration_seconds_count{phase="${phase}",part="${part}"}`)),
    ...workerStates.map((state) => `lockstep_workers{state="${state}"}`),
    ...leaveReasons.map((reason) => `lockstep_worker_leaves_total{reason="${reason}"}`),
    ...dropReasons.map((reason) => `lockstep_results_dropped_total{reason="${reason}"}`),
    ...directions.map((direction) => `lockstep_network_bytes_total{direction="${direction}"}`),
  ];
  for (const series of zeros) assert.equal(samples.get(series), '0', series);
  assert.equal(samples.get(`lockstep_build_info{version="0.1.0",protocol="${protocolVersion}"}`), '1');
  assert.equal(samples.get('lockstep_run_info{run_id="run-1",recipe="gan",seed="7",backend=""}'), '1');
});

test('each event is seen in its metric', async () => {
  const metrics = create();
  use(metrics);
  const samples = await scrape(metrics);
  const expected: Record<string, string> = {
    'lockstep_run_info{run_id="run-1",recipe="gan",seed="7",backend="wasm"}': '1',
    lockstep_coordinator_term: '2',
    lockstep_run_step: '501',
    lockstep_run_planned_steps: '1000',
    lockstep_workers_wanted: '4',
    lockstep_steps_total: '1',
    lockstep_images_total: '128',
    'lockstep_loss{network="discriminator"}': '0.7',
    'lockstep_loss{network="generator"}': '1.5',
    'lockstep_gradient_norm{network="generator"}': '2',
    'lockstep_recipe_metric{phase="discriminator",name="accuracy"}': '0.5',
    lockstep_step_duration_seconds_sum: '0.47',
    'lockstep_phase_duration_seconds_sum{phase="generator",part="compute"}': '0.2',
    'lockstep_phase_duration_seconds_sum{phase="generator",part="wait"}': '0.03',
    'lockstep_phase_duration_seconds_sum{phase="generator",part="reduce"}': '0.0002',
    'lockstep_phase_duration_seconds_sum{phase="generator",part="apply"}': '0.004',
    'lockstep_phase_duration_seconds_bucket{le="0.00025",phase="generator",part="reduce"}': '1',
    'lockstep_workers{state="computing"}': '3',
    'lockstep_workers{state="ready"}': '0',
    lockstep_worker_joins_total: '1',
    'lockstep_worker_leaves_total{reason="timeout"}': '1',
    'lockstep_worker_compute_seconds_sum{worker="a"}': '0.2',
    lockstep_shards_reassigned_total: '2',
    'lockstep_results_dropped_total{reason="other-round"}': '1',
    'lockstep_network_bytes_total{direction="sent"}': '1024',
    'lockstep_network_bytes_total{direction="received"}': '0',
    lockstep_checkpoint_duration_seconds_sum: '0.3',
    lockstep_checkpoint_last_success_timestamp_seconds: '1800000000',
    lockstep_checkpoint_failures_total: '1',
  };
  for (const [series, value] of Object.entries(expected)) assert.equal(samples.get(series), value, series);
  assert.equal([...samples.keys()].filter((series) => series.startsWith('lockstep_run_info')).length, 1, 'one run, one series');
  metrics.workers({ ready: 1 });
  assert.equal((await scrape(metrics)).get('lockstep_workers{state="computing"}'), '0');
});

test("a worker's series begin when it joins and end when it is gone for good", async () => {
  const metrics = create();
  const series = 'lockstep_worker_compute_seconds_count{worker="a"}';
  assert.equal((await scrape(metrics)).get(series), undefined);
  metrics.workerJoined('a');
  assert.equal((await scrape(metrics)).get(series), '0');
  metrics.workerComputed('a', 1);
  metrics.workerJoined('a');
  assert.equal((await scrape(metrics)).get(series), '1', 'joining again keeps what was counted');
  metrics.workerGone('a');
  metrics.workerGone('never seen');
  assert.equal(
    [...(await scrape(metrics)).keys()].some((name) => name.includes('worker="a"')),
    false,
  );
});

test('worker names and recipe metrics are bounded, whatever workers send', async () => {
  const metrics = create();
  const seconds = { computeSeconds: 0, waitSeconds: 0, reduceSeconds: 0, applySeconds: 0 };
  for (let n = 0; n < 1000; n += 1) {
    metrics.workerJoined(`worker-${n}`);
    metrics.workerComputed(`worker-${n}`, 0.1);
    metrics.roundCommitted({ phase: 'generator', network: 'generator', loss: 0, gradientNorm: 0, metrics: { [`m${n}`]: n }, ...seconds });
  }
  const samples = await scrape(metrics);
  const count = (prefix: string): number => [...samples.keys()].filter((name) => name.startsWith(prefix)).length;
  assert.equal(count('lockstep_worker_compute_seconds_count'), 257);
  assert.equal(samples.get('lockstep_worker_compute_seconds_count{worker="other"}'), '744');
  assert.equal(count('lockstep_recipe_metric{'), 32);
  metrics.roundCommitted({ phase: 'generator', network: 'generator', loss: 0, gradientNorm: 0, metrics: { m3: -1 }, ...seconds });
  assert.equal((await scrape(metrics)).get('lockstep_recipe_metric{phase="generator",name="m3"}'), '-1', 'those that are known go on');
});

test('registries are their own: two runs in one process, and nothing in the global one', async () => {
  const [first, second] = [create(), create()];
  first.stepCommitted({ step: 1, images: 10, seconds: 1 });
  assert.equal((await scrape(second)).get('lockstep_steps_total'), '0');
  assert.deepEqual(register.getMetricsAsArray(), []);
});

test("the process's metrics come along, without gauges that are named _total", async () => {
  const text = await create({ processMetrics: true }).registry.metrics();
  assert.match(text, /^process_resident_memory_bytes \d+/m);
  assert.match(text, /^nodejs_active_resources\{/m);
  const gauges = [...text.matchAll(/^# TYPE (\S+) gauge$/gm)].map(([, name]) => name ?? '');
  assert.ok(gauges.length > 10);
  assert.deepEqual(
    gauges.filter((name) => name.endsWith('_total')),
    [],
  );
  for (const { name } of Object.values(metricTable)) assert.match(text, new RegExp(`^# TYPE ${name} `, 'm'));
});

const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;
test(
  'promtool check metrics has nothing to say',
  { skip: hasPromtool || process.env['LOCKSTEP_REQUIRE_PROMTOOL'] === '1' ? false : 'promtool is not on PATH (Debian: prometheus)' },
  async () => {
    const fresh = create({ processMetrics: true });
    const used = create({ processMetrics: true });
    use(used);
    used.workerJoined('a "quoted" \\ name\nin two lines');
    const seconds = { computeSeconds: 0, waitSeconds: 0, reduceSeconds: 0, applySeconds: 0 };
    used.roundCommitted({ phase: 'generator', network: 'generator', loss: NaN, gradientNorm: Infinity, metrics: {}, ...seconds });
    for (const metrics of [fresh, used]) {
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input: await metrics.registry.metrics(),
        encoding: 'utf8',
      });
      assert.deepEqual({ status, said: stdout + stderr }, { status: 0, said: '' });
    }
  },
);
