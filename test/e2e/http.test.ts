/** What a run serves over HTTP while it waits and while it trains. Contents of single routes are tested beside their sources. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { eventually, startRun, start, startWorker, within } from './harness.ts';
import { eventsNamed, quick, spawnTwo, status, stepsDone } from './scenarios.ts';

const get = async (url: string): Promise<{ code: number; type: string | null; text: string }> => {
  const response = await fetch(url);
  return { code: response.status, type: response.headers.get('content-type'), text: await response.text() };
};

describe('HTTP of a run', { concurrency: false }, () => {
  test('readiness, status and metrics, from waiting to training', async (t) => {
    const run = await startRun(t, { args: [...quick, '--workers', '2', '--steps', '100000', '--checkpoint-every', '2'] });
    const url = await run.metricsUrl();
    const endpoint = await run.endpoint();

    assert.equal((await get(`${url}/healthz`)).code, 200);
    const waiting = await get(`${url}/readyz`);
    assert.equal(waiting.code, 503);
    const command =
      /^waiting: Waiting for 2 of 2 workers \(ready: none\)\. Start one with: npx --no -- (worker .*)$/m.exec(waiting.text)?.[1] ?? '';
    assert.ok(command.includes(`--connect ${endpoint}`), waiting.text);
    assert.equal((await status(run)).state, 'waiting');

    // The command it gave, as typed, twice.
    const [program, ...args] = command.split(' ') as ['worker', ...string[]];
    for (const name of ['a', 'b']) start(t, program, [...args, '--name', name, '--backend', 'wasm']);
    await stepsDone(run, 4);
    assert.deepEqual(await get(`${url}/readyz`).then(({ code, text }) => [code, text.split(':')[0]]), [200, 'training']);
    const told = await get(`${url}/status`);
    assert.match(told.type!, /^application\/json/);
    const { state, ready, recipe, steps, step, workers } = JSON.parse(told.text) as Record<string, unknown>;
    assert.deepEqual({ state, ready, recipe, steps }, { state: 'training', ready: true, recipe: 'tiny-gan', steps: 100_000 });
    assert.ok((step as number) >= 4);
    const { wanted, live } = workers as Record<string, unknown>;
    assert.deepEqual({ wanted, live }, { wanted: 2, live: 2 });
    await eventually(run, 'a checkpoint', async () => (await run.events()).some((line) => line['event'] === 'checkpoint'));

    const metrics = await get(`${url}/metrics`);
    assert.equal(metrics.code, 200);
    assert.match(metrics.type!, /^text\/plain; version=0\.0\.4/);
    checkMetrics(metrics.text);
    await t.test('promtool accepts the metrics', (t) =>
      promtool(metrics.text).then((answer) => {
        if (answer === undefined && process.env['LOCKSTEP_REQUIRE_PROMTOOL'] !== '1')
          return t.skip('promtool is not on PATH (Debian: prometheus)');
        assert.deepEqual(answer, { code: 0, output: '' });
      }),
    );

    run.child.kill('SIGINT');
    assert.equal((await within(run, 'its end', run.exited)).code, 0);
  });

  test('/sd leads to the metrics of everybody: the coordinator, workers it started, and one that says where', async (t) => {
    const run = await startRun(t, { args: ['--shards', '4', '--batch-size', '16', '--grid-every', '0', ...spawnTwo, '--steps', '100000'] });
    const url = await run.metricsUrl();
    await startWorker(t, run, ['--name', 'by-hand', '--metrics-port', '0']);
    await startWorker(t, run, ['--name', 'silent']);
    await eventually(run, 'four workers', async () => (await eventsNamed(run, 'worker-joined')).length === 4);
    const found = await get(`${url}/sd`);
    assert.match(found.type!, /^application\/json/);
    const groups = JSON.parse(found.text) as { targets: string[]; labels: Record<string, string> }[];
    const runId = /run_id="([^"]+)"/.exec((await get(`${url}/metrics`)).text)![1];
    assert.ok(groups.every(({ targets, labels }) => targets.length === 1 && labels['run_id'] === runId));
    const whose = groups.map(({ labels }) => labels['worker'] ?? labels['role']!);
    assert.deepEqual(whose.toSorted(), ['by-hand', 'coordinator', 'local-0', 'local-1']);
    assert.equal(`http://${groups[0]!.targets[0]}`, url);
    await stepsDone(run, (await run.losses()).length + 4);
    for (const { targets } of groups.slice(1)) {
      const { code, text } = await get(`http://${targets[0]}/metrics`);
      assert.equal(code, 200);
      assert.match(text, /^lockstep_connected 1$/m);
      assert.match(text, /^process_cpu_seconds_total [\d.]+$/m);
      assert.match(text, /^lockstep_loop_seconds_total\{part="compute"\} \d+\.\d+/m);
      assert.doesNotMatch(text, /lockstep_gpu_[a-z_]+\{/, 'the backend uses none');
      assert.ok(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length <= 150);
    }
    const { workers } = JSON.parse((await get(`${url}/status`)).text) as { workers: { each: { name: string }[] } };
    assert.deepEqual(workers.each.map(({ name }) => name).toSorted(), ['by-hand', 'local-0', 'local-1', 'silent']);
    run.child.kill('SIGTERM');
    assert.equal((await within(run, 'its end', run.exited)).code, 21);
  });

  test('training stays live under a flood of scrapes', async (t) => {
    const run = await startRun(t, { args: [...quick, ...spawnTwo, '--steps', '1000000'] });
    const url = await run.metricsUrl();
    await stepsDone(run, 50);
    const rate = async (): Promise<number> => {
      const [step, startMs] = [(await run.losses()).length, performance.now()];
      await stepsDone(run, step + 150);
      return ((await run.losses()).length - step) / ((performance.now() - startMs) / 1000);
    };
    const calm = await rate();
    const codes = new Map<number, number>();
    const over = new AbortController();
    // More connections than are served: those beyond are cut off, which is no answer.
    const flooding = Array.from({ length: 100 }, async () => {
      while (!over.signal.aborted) {
        const code = await get(`${url}/metrics`).then(
          (answer) => answer.code,
          () => 0,
        );
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    });
    const flooded = await rate();
    over.abort();
    await Promise.all(flooding);
    t.diagnostic(`${calm.toFixed(0)} steps a second, ${flooded.toFixed(0)} under a flood; answers: ${JSON.stringify([...codes])}`);
    assert.ok(codes.get(429)! > 20 && codes.get(200)! >= 20, 'most were refused, some were served');
    assert.ok(flooded > calm / 10, `${flooded} of ${calm} steps a second`);
    run.child.kill('SIGTERM');
    assert.equal((await within(run, 'its end', run.exited)).code, 21);
  });
});

function checkMetrics(text: string): void {
  const value = (series: string): number => {
    const line = text.split('\n').find((each) => each.startsWith(`${series} `));
    assert.ok(line !== undefined, `no ${series} in\n${text}`);
    return Number(line.slice(series.length + 1));
  };
  const stepsTotal = value('lockstep_steps_total');
  assert.ok(stepsTotal >= 4);
  assert.equal(value('lockstep_images_total'), stepsTotal * 16);
  assert.equal(value('lockstep_run_step'), stepsTotal);
  for (const network of ['generator', 'discriminator']) {
    for (const metric of ['loss', 'gradient_norm', 'update_norm'])
      assert.ok(value(`lockstep_${metric}{phase="${network}",network="${network}"}`) > 0);
  }
  for (const name of ['realScore', 'fakeScore']) {
    const score = value(`lockstep_recipe_metric{phase="discriminator",name="${name}"}`);
    assert.ok(score > 0 && score < 1, `${name} ${score}`);
  }
  const states = ['joining', 'ready', 'computing', 'spare'].map((state) => value(`lockstep_workers{state="${state}"}`));
  assert.equal(
    states.reduce((sum, count) => sum + count, 0),
    2,
  );
  assert.equal(value('lockstep_workers_wanted'), 2);
  for (const direction of ['sent', 'received'])
    assert.ok(value(`lockstep_transferred_bytes_total{carrier="inline",direction="${direction}"}`) > 0);
  assert.match(text, /^lockstep_build_info\{version="[^"]+",protocol="\d+"\} 1$/m);
  assert.match(text, /^lockstep_run_info\{run_id="tiny-gan-[0-9a-f]{8}",recipe="tiny-gan",seed="1",backend="wasm"\} 1$/m);
  assert.ok(value('lockstep_step_duration_seconds_count') >= 4);
  for (const part of ['idle', 'checkpoint', 'data', 'serialise', 'send', 'compute', 'wait', 'reduce', 'apply']) {
    assert.ok(value(`lockstep_phase_duration_seconds_count{phase="generator",part="${part}"}`) >= 4);
  }
  for (const worker of ['a', 'b']) {
    for (const metric of ['compute', 'answer']) assert.ok(value(`lockstep_worker_${metric}_seconds_count{worker="${worker}"}`) >= 1);
    for (const part of ['compute', 'link', 'waiting'])
      assert.ok(value(`lockstep_worker_time_seconds_total{worker="${worker}",part="${part}"}`) > 0);
  }
  assert.ok(value('lockstep_checkpoint_duration_seconds_count') >= 1);
  const age = Date.now() / 1000 - value('lockstep_checkpoint_last_success_timestamp_seconds');
  assert.ok(age >= -1 && age < 300, `the last checkpoint is ${age} s old`);
}

/** Undefined where it is not installed. */
async function promtool(text: string): Promise<{ code: number; output: string } | undefined> {
  const child = spawn('promtool', ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (piece: string) => (output += piece));
  child.stdin.on('error', () => {});
  child.stdin.end(text);
  try {
    const [code] = (await once(child, 'close')) as [number];
    return { code, output };
  } catch {
    return undefined;
  }
}
