import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { carrierNames, protocolVersion } from '@lockstep/shared';
import { register } from 'prom-client';
import { dropReasons, leaveReasons, refusalCodes } from '../core/effects.ts';
import { createMetrics, type JoinedWorker, type Metrics } from './metrics.ts';
import { directions, type PhasePart, phaseParts } from './labels.ts';
import { metricTable } from './table.ts';

const recipe = { name: 'gan', networks: ['generator', 'discriminator'], phases: ['discriminator', 'generator'] };
const clock = { nowMs: 0 };
const create = (options: { processMetrics: boolean } = { processMetrics: false }): Metrics =>
  createMetrics({ recipe, runId: 'run-1', version: '0.1.0', seed: 7, nowMs: () => clock.nowMs, ...options });
const joined = (worker: string): JoinedWorker => ({ worker, host: 'host', pid: 1, backend: 'wasm', device: 'cpu', carrier: 'shm' });
const seconds = Object.fromEntries(phaseParts.map((part, index) => [part, (index + 1) / 100])) as Record<PhasePart, number>;

/** Every sample of a scrape: 'name{labels}' to its value, as text. */
async function scrape({ registry }: Metrics): Promise<Map<string, string>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]));
}

/** Something of everything. */
function use(metrics: Metrics): void {
  metrics.planned({ term: 2, step: 500, steps: 1000, workersWanted: 4 });
  metrics.runsOn('wasm');
  const common = { metrics: {}, seconds };
  const network = (name: string, gradientNorm = 3, updateNorm: number | undefined = 0.01) => ({ name, gradientNorm, updateNorm });
  metrics.stage('training');
  metrics.instruments.runRemaining.set(42);
  const discriminator = [network('discriminator')];
  metrics.roundCommitted({ ...common, phase: 'discriminator', networks: discriminator, loss: 0.7, metrics: { accuracy: 0.5 } });
  metrics.roundCommitted({ ...common, phase: 'generator', networks: [network('generator', 2)], loss: 1.5 });
  const several = [network('generator', 3, undefined), network('encoder', 4)];
  metrics.roundCommitted({ ...common, phase: 'encoder', networks: several, loss: 2.5 });
  metrics.instruments.nonFiniteRounds.inc({ phase: 'generator' });
  metrics.stepCommitted({ step: 501, images: 128, seconds: 0.47 });
  metrics.workers({ computing: 3, spare: 1 });
  metrics.workerJoined(joined('a'));
  metrics.workerAnswered('a', { answer: 0.25, compute: 0.2 });
  metrics.workerTook('a', { compute: 0.2, link: 0.05, waiting: 0.1 });
  metrics.workerStands('a', { lateSeconds: 0.04, cause: 'link' });
  metrics.instruments.workerRefusals.inc({ code: 'recipe-mismatch' });
  metrics.instruments.workerLeaves.inc({ reason: 'timeout' });
  metrics.instruments.shardsReassigned.inc(2);
  metrics.instruments.resultsDropped.inc({ reason: 'other-round' });
  metrics.instruments.transferredBytes.inc({ carrier: 'inline', direction: 'sent' }, 1000);
  metrics.instruments.transferredBytes.inc({ carrier: 'inline', direction: 'sent' }, 24);
  metrics.checkpointWritten({ seconds: 0.3, bytes: 4096, atSecondsSince1970: 1_800_000_000 });
  metrics.instruments.checkpointFailures.inc();
}

test('known series of counters and histograms are exported as 0 before their first event, and gauges are not there', async () => {
  const samples = await scrape(create());
  const zeros = [
    'lockstep_images_total',
    'lockstep_steps_total',
    'lockstep_step_duration_seconds_count',
    'lockstep_worker_joins_total',
    'lockstep_shards_reassigned_total',
    'lockstep_shards_copied_total',
    'lockstep_shards_audited_total',
    'lockstep_audit_differences_total',
    'lockstep_workers_wrong_total',
    'lockstep_checkpoint_duration_seconds_count',
    'lockstep_checkpoint_failures_total',
    ...recipe.phases.flatMap((phase) => phaseParts.map((part) => `lockstep_phase_duration_seconds_count{phase="${phase}",part="${part}"}`)),
    ...recipe.phases.map((phase) => `lockstep_nonfinite_rounds_total{phase="${phase}"}`),
    ...refusalCodes.map((code) => `lockstep_worker_refusals_total{code="${code}"}`),
    ...leaveReasons.map((reason) => `lockstep_worker_leaves_total{reason="${reason}"}`),
    ...directions.map((direction) => `lockstep_damaged_messages_total{direction="${direction}"}`),
    ...dropReasons.map((reason) => `lockstep_results_dropped_total{reason="${reason}"}`),
    ...carrierNames.flatMap((carrier) =>
      directions.map((direction) => `lockstep_transferred_bytes_total{carrier="${carrier}",direction="${direction}"}`),
    ),
  ];
  for (const series of zeros) assert.equal(samples.get(series), '0', series);
  const gauges = Object.values(metricTable).filter(({ type, name }) => type === 'gauge' && !name.endsWith('_info'));
  assert.ok(gauges.length > 10);
  for (const { name } of gauges)
    assert.deepEqual(
      [...samples.keys()].filter((series) => series === name || series.startsWith(`${name}{`)),
      [],
    );
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
    'lockstep_run_stage{stage="training"}': '1',
    lockstep_run_remaining_seconds: '42',
    'lockstep_loss{phase="discriminator",network="discriminator"}': '0.7',
    'lockstep_loss{phase="generator",network="generator"}': '1.5',
    'lockstep_loss{phase="encoder",network="generator"}': '2.5',
    'lockstep_loss{phase="encoder",network="encoder"}': '2.5',
    'lockstep_gradient_norm{phase="encoder",network="generator"}': '3',
    'lockstep_gradient_norm{phase="encoder",network="encoder"}': '4',
    'lockstep_gradient_norm{phase="generator",network="generator"}': '2',
    'lockstep_update_norm{phase="generator",network="generator"}': '0.01',
    'lockstep_nonfinite_rounds_total{phase="generator"}': '1',
    'lockstep_recipe_metric{phase="discriminator",name="accuracy"}': '0.5',
    lockstep_step_duration_seconds_sum: '0.47',
    ...Object.fromEntries(
      phaseParts.map((part) => [`lockstep_phase_duration_seconds_sum{phase="generator",part="${part}"}`, String(seconds[part])]),
    ),
    'lockstep_phase_duration_seconds_bucket{le="0.01",phase="generator",part="idle"}': '1',
    'lockstep_workers{state="computing"}': '3',
    'lockstep_workers{state="ready"}': '0',
    lockstep_worker_joins_total: '1',
    'lockstep_worker_leaves_total{reason="timeout"}': '1',
    'lockstep_worker_refusals_total{code="recipe-mismatch"}': '1',
    'lockstep_worker_info{worker="a",name="a",host="host",backend="wasm",device="cpu",carrier="shm"}': '1',
    'lockstep_worker_compute_seconds_sum{worker="a"}': '0.2',
    'lockstep_worker_answer_seconds_sum{worker="a"}': '0.25',
    'lockstep_worker_time_seconds_total{worker="a",part="link"}': '0.05',
    'lockstep_worker_late_seconds{worker="a"}': '0.04',
    'lockstep_worker_straggler{worker="a",cause="link"}': '1',
    'lockstep_worker_straggler{worker="a",cause="compute"}': '0',
    lockstep_shards_reassigned_total: '2',
    'lockstep_results_dropped_total{reason="other-round"}': '1',
    'lockstep_transferred_bytes_total{carrier="inline",direction="sent"}': '1024',
    'lockstep_transferred_bytes_total{carrier="shm",direction="sent"}': '0',
    lockstep_checkpoint_duration_seconds_sum: '0.3',
    lockstep_checkpoint_last_success_timestamp_seconds: '1800000000',
    lockstep_checkpoint_size_bytes: '4096',
    lockstep_checkpoint_failures_total: '1',
  };
  for (const [series, value] of Object.entries(expected)) assert.equal(samples.get(series), value, series);
  assert.equal([...samples.keys()].filter((series) => series.startsWith('lockstep_run_info')).length, 1, 'one run, one series');
  metrics.workers({ ready: 1 });
  assert.equal((await scrape(metrics)).get('lockstep_workers{state="computing"}'), '0');
});

test("a worker's series begin when it joins and end a minute after it has left, if it is not back", async () => {
  const metrics = create();
  const about = async (label: string): Promise<string[]> => [...(await scrape(metrics)).keys()].filter((name) => name.includes(label));
  const series = 'lockstep_worker_compute_seconds_count{worker="a"}';
  assert.equal((await scrape(metrics)).get(series), undefined);
  metrics.workerJoined(joined('a'));
  assert.equal((await scrape(metrics)).get(series), '0');
  metrics.workerAnswered('a', { answer: 1, compute: 1 });
  metrics.workerTook('a', { compute: 1, link: 0, waiting: 0 });
  metrics.workerStands('a', { lateSeconds: 1, cause: 'compute' });
  const whole = await about('worker="a"');
  metrics.workerLeft('a');
  assert.deepEqual(await about('lockstep_worker_straggler'), [], 'who is gone keeps nobody waiting');
  metrics.workerJoined({ ...joined('a'), host: 'elsewhere' });
  assert.equal((await scrape(metrics)).get(series), '1', 'joining again keeps what was counted');
  assert.equal((await about('lockstep_worker_info{')).length, 1);
  metrics.workerLeft('a');
  metrics.workerLeft('never seen');
  clock.nowMs += 59_000;
  assert.ok((await about('worker="a"')).length > 30);
  clock.nowMs += 1_000;
  assert.deepEqual(await about('worker="a"'), []);
  assert.ok(whole.length > 30 && whole.length <= 150, `${whole.length} series a worker`);
});

test('worker names and recipe metrics are bounded, whatever workers send', async () => {
  const metrics = create();
  const round = { phase: 'generator', networks: [{ name: 'generator', gradientNorm: 0, updateNorm: 0 }], loss: 0, seconds };
  for (let n = 0; n < 1000; n += 1) {
    metrics.workerJoined(joined(`worker-${n}`));
    metrics.workerAnswered(`worker-${n}`, { answer: 0.2, compute: 0.1 });
    metrics.workerTook(`worker-${n}`, { compute: 0.1, link: 0.1, waiting: 0 });
    metrics.workerStands(`worker-${n}`, { lateSeconds: 0, cause: undefined });
    metrics.roundCommitted({ ...round, metrics: { [`m${n}`]: n } });
  }
  const samples = await scrape(metrics);
  const count = (prefix: string): number => [...samples.keys()].filter((name) => name.startsWith(prefix)).length;
  assert.equal(count('lockstep_worker_compute_seconds_count'), 257);
  assert.equal(samples.get('lockstep_worker_compute_seconds_count{worker="other"}'), '744');
  assert.equal(count('lockstep_worker_info{'), 256);
  assert.equal(count('lockstep_worker_late_seconds{'), 256);
  assert.equal(count('lockstep_recipe_metric{'), 32);
  metrics.roundCommitted({ ...round, metrics: { m3: -1 } });
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
    used.workerJoined(joined('a "quoted" \\ name\nin two lines'));
    const networks = [{ name: 'generator', gradientNorm: Infinity, updateNorm: undefined }];
    used.roundCommitted({ phase: 'generator', networks, loss: NaN, metrics: {}, seconds });
    for (const metrics of [fresh, used]) {
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input: await metrics.registry.metrics(),
        encoding: 'utf8',
      });
      assert.deepEqual({ status, said: stdout + stderr }, { status: 0, said: '' });
    }
  },
);
