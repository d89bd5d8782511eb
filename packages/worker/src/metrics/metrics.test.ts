import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createMetrics, gpusEveryMs, type Metrics } from './metrics.ts';
import { serveMetrics } from './server.ts';
import { loopParts } from './table.ts';

const clock = { nowMs: 0 };
const create = (gpuEnvironment?: Record<string, string>): Metrics =>
  createMetrics({ backend: 'wasm', device: 'cpu', gpuEnvironment, nowMs: () => clock.nowMs });

/** Every sample of a scrape: 'name{labels}' to its value. */
async function scrape({ registry }: Metrics): Promise<Map<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

test('what a worker does is told, and the parts of its time add up', async () => {
  const metrics = create();
  metrics.connected(true);
  for (let job = 0; job < 10; job += 1) {
    for (const [part, ms] of [
      ['load', 10],
      ['compute', 50],
      ['serialise', 5],
      ['send', 1],
    ] as const) {
      clock.nowMs += ms;
      metrics.spent(part, ms / 1000);
    }
    metrics.answered('gradient');
    clock.nowMs += 34;
  }
  const samples = await scrape(metrics);
  const seconds = (part: string): number => samples.get(`lockstep_loop_seconds_total{part="${part}"}`)!;
  assert.ok(Math.abs(seconds('compute') - 0.5) < 1e-9);
  assert.ok(Math.abs(seconds('idle') - 9 * 0.034) < 1e-9);
  const sum = loopParts.reduce((total, part) => total + seconds(part), 0);
  assert.ok(Math.abs(sum - (10 * 0.066 + 9 * 0.034)) < 1e-9);
  assert.equal(samples.get('lockstep_connected'), 1);
  assert.equal(samples.get('lockstep_results_total{task="gradient"}'), 10);
  assert.equal(samples.get('lockstep_results_total{task="generate"}'), 0);
});

async function standIn(t: {
  after(hook: () => Promise<void>): void;
}): Promise<{ directory: string; say: (script: string) => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'lockstep-test-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return {
    directory,
    say: (script) => writeFile(join(directory, 'nvidia-smi'), `#!/bin/sh\necho asked >> ${directory}/asked\n${script}\n`, { mode: 0o755 }),
  };
}

async function eventually<T>(probe: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test(
  'GPUs are asked when somebody scrapes, every five seconds at most; figures that cannot be had are absent',
  { timeout: 30_000 },
  async (t) => {
    const { directory, say } = await standIn(t);
    await say("echo '0, GPU-a, NVIDIA H100, 50, 100, 1000, 60'");
    const metrics = create({ PATH: `${directory}:/usr/bin:/bin` });
    const used = 'lockstep_gpu_memory_used_bytes{gpu="GPU-a"}';
    assert.equal(await eventually(async () => (await scrape(metrics)).get(used)), 100 * 2 ** 20);
    const samples = await scrape(metrics);
    assert.equal(samples.get('lockstep_gpu_info{gpu="GPU-a",name="NVIDIA H100"}'), 1);
    assert.equal(samples.get('lockstep_gpu_utilization_ratio{gpu="GPU-a"}'), 0.5);
    assert.equal(samples.get('lockstep_gpu_temperature_celsius{gpu="GPU-a"}'), 60);
    const asked = (): number =>
      spawnSync('wc', ['-l', join(directory, 'asked')], { encoding: 'utf8' })
        .stdout.split(' ')
        .map(Number)[0]!;
    for (let n = 0; n < 50; n += 1) await scrape(metrics);
    assert.equal(asked(), 1);
    await say('exit 9');
    clock.nowMs += gpusEveryMs;
    await eventually(async () => ((await scrape(metrics)).has(used) ? undefined : true));
    assert.equal(asked(), 2);
  },
);

test('no GPU series where the backend uses none, and at most 150 series in all', async () => {
  const metrics = create();
  await scrape(metrics); // the second one has the delay of the event loop as well
  const samples = await scrape(metrics);
  assert.equal([...samples.keys()].filter((series) => series.includes('gpu')).length, 0);
  assert.ok(samples.size > 30 && samples.size <= 140, `${samples.size} series; a GPU adds five`);
});

test('they are served at /metrics alone, to who does not ask too often', { timeout: 30_000 }, async (t) => {
  const metrics = create();
  const server = await serveMetrics({ host: '127.0.0.1', port: 0, registry: metrics.registry, nowMs: () => clock.nowMs });
  t.after(() => server.close());
  const codeOf = async (path: string, method = 'GET'): Promise<number> =>
    (await fetch(`http://${server.address}${path}`, { method })).status;
  const response = await fetch(`http://${server.address}/metrics`);
  assert.match(await response.text(), /^lockstep_process_info\{version="[^"]+",protocol="\d+",backend="wasm",device="cpu"\} 1$/m);
  assert.equal(await codeOf('/'), 404);
  assert.equal(await codeOf('/metrics', 'POST'), 404);
  const codes: number[] = [];
  while (codes.length < 25) codes.push(await codeOf('/metrics'));
  assert.equal(codes.filter((code) => code === 429).length, 6);
  clock.nowMs += 1000;
  assert.equal(await codeOf('/metrics'), 200);
});

const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;
test(
  'promtool check metrics has nothing to say',
  { skip: hasPromtool || process.env['LOCKSTEP_REQUIRE_PROMTOOL'] === '1' ? false : 'promtool is not on PATH (Debian: prometheus)' },
  async () => {
    const input = await create().registry.metrics();
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
    assert.deepEqual({ status, said: stdout + stderr }, { status: 0, said: '' });
  },
);
