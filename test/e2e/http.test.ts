/** What a run serves over HTTP while it waits and while it trains. Contents of single routes are tested beside their sources. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { eventually, startRun, start, within } from './harness.ts';
import { quick, status, stepsDone } from './scenarios.ts';

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
      /^waiting: Waiting for 2 of 2 workers \(none is here\)\. Start one with: npx --no -- (worker .*)$/m.exec(waiting.text)?.[1] ?? '';
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
    assert.ok(value(`lockstep_loss{network="${network}"}`) > 0);
    assert.ok(value(`lockstep_gradient_norm{network="${network}"}`) > 0);
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
  assert.ok(value('lockstep_network_bytes_total{direction="sent"}') > 0);
  assert.ok(value('lockstep_network_bytes_total{direction="received"}') > 0);
  assert.match(text, /^lockstep_build_info\{version="[^"]+",protocol="2"\} 1$/m);
  assert.match(text, /^lockstep_run_info\{run_id="tiny-gan-[0-9a-f]{8}",recipe="tiny-gan",seed="1",backend="wasm"\} 1$/m);
  assert.ok(value('lockstep_step_duration_seconds_count') >= 4);
  for (const part of ['compute', 'wait', 'reduce', 'apply']) {
    assert.ok(value(`lockstep_phase_duration_seconds_count{phase="generator",part="${part}"}`) >= 4);
  }
  for (const worker of ['a', 'b']) assert.ok(value(`lockstep_worker_compute_seconds_count{worker="${worker}"}`) >= 1);
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
