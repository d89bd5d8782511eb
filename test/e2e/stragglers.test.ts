/** Who is late again and again, and why, in a run of real processes: one computes longer, another has a slow link. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorTable } from '@lockstep/shared';
import { eventually, start, startRun, within } from './harness.ts';
import { startProxy } from './proxy.ts';
import { recipeFile, stepsDone } from './scenarios.ts';
import { pauseVariable, slowLoss } from './slow-workers.ts';

const delayMs = 200;

interface Told {
  readonly step: number;
  readonly workers: {
    readonly each: readonly { name: string; lateSeconds: number | null; lateBecause: string | null; quarantined: boolean }[];
  };
}

test('a worker that computes longer and one with a slow link are named within ten steps, each with its cause', async (t) => {
  const recipe = await recipeFile(t, slowLoss);
  const shape = ['--shards', '4', '--batch-size', '16', '--grid-every', '0', '--steps', '100000'];
  const run = await startRun(t, { args: [...shape, '--workers', '4', '--carrier', 'inline', '--recipe', recipe] });
  const endpoint = await run.endpoint();
  const slow = await startProxy(t, endpoint);
  slow.set({ delayMs: delayMs / 2 });
  const join = (name: string, to: string, environment = {}) =>
    start(t, 'worker', ['--connect', to, '--name', name, '--backend', 'wasm', '--recipe', recipe], environment);
  join('a', endpoint);
  // A loss of the discriminator calls it twice, one of the generator once.
  join('computes-long', endpoint, { [pauseVariable]: String(delayMs) });
  join('b', endpoint);
  join('far-away', slow.endpoint);

  const url = await run.metricsUrl();
  const expected = { a: null, b: null, 'computes-long': 'compute', 'far-away': 'link' };
  const statusOf = async (): Promise<Told> => (await (await fetch(`${url}/status`)).json()) as Told;
  const named = await eventually(run, 'the right causes', async () => {
    const status = await statusOf();
    const causes = Object.fromEntries(status.workers.each.map(({ name, lateBecause }) => [name, lateBecause]));
    const isRight = Object.entries(expected).every(([name, cause]) => causes[name] === cause);
    assert.ok(isRight || status.step < 10, `after ${status.step} steps: ${JSON.stringify(status.workers.each)}`);
    return isRight && status;
  });
  const late = named.workers.each.find(({ name }) => name === 'far-away')!.lateSeconds!;
  assert.ok(late > 0.15 && late < 1, `${late} s late`);

  // It stays so, in quarantine too, and nobody else joins them.
  await stepsDone(run, named.step + 5);
  await eventually(run, 'quarantine', async () => {
    const quarantined = (await statusOf()).workers.each.filter((worker) => worker.quarantined).map(({ name }) => name);
    return quarantined.toSorted().join() === 'computes-long,far-away';
  });
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (series: string): number =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))!
        .slice(series.length + 1),
    );
  for (const [worker, because] of Object.entries(expected)) {
    for (const cause of ['compute', 'link'])
      assert.equal(value(`lockstep_worker_straggler{worker="${worker}",cause="${cause}"}`), because === cause ? 1 : 0, worker);
  }
  const share = (worker: string, part: string): number => value(`lockstep_worker_time_seconds_total{worker="${worker}",part="${part}"}`);
  assert.ok(share('far-away', 'link') > share('far-away', 'compute'));
  assert.ok(share('computes-long', 'compute') > share('computes-long', 'link'));

  // On a machine that is busy with other things a worker may be told of more than once, but nobody else, and with no other cause.
  const told = /Worker (?:computes-long is late .* because it computes longer|far-away is late .* because its messages take longer)/;
  const lines = run
    .output()
    .split('\n')
    .filter((line) => line.includes('is late again and again: its answers'));
  for (const name of ['computes-long', 'far-away']) assert.ok(lines.some((line) => line.includes(`Worker ${name} `)));
  for (const line of lines) assert.match(line, told);
  run.child.kill('SIGTERM');
  assert.equal((await within(run, 'its end', run.exited)).code, errorTable.stopped.exitCode);
});
