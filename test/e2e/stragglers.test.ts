/** Who keeps the others waiting, and why, in a run of real processes: one computes longer, another has a slow link. */
import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { errorTable } from '@lockstep/shared';
import { eventually, start, startRun, within } from './harness.ts';
import { recipeFile, stepsDone, waitForLate } from './scenarios.ts';

const delayMs = 200;

/** The tiny recipe; the loss of a worker that has the variable takes longer. Its text is the same for all, and so is its hash. */
const slowLoss = (tiny: string): string =>
  tiny.replace(
    'const clip = (tf, logits) => tf',
    `const pause = Number(process.env.TEST_LOSS_PAUSE_MS ?? 0);
const clip = (tf, logits) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause) && tf`,
  );

/** A link to `port` on which every byte takes longer, whichever way it goes. Its own port. */
async function slowLink(t: TestContext, port: number, oneWayMs: number): Promise<number> {
  const sockets = new Set<Socket>();
  const pass = (from: Socket, to: Socket): void => {
    sockets.add(from);
    const later = (act: () => void): void => void setTimeout(() => to.destroyed || act(), oneWayMs);
    from.on('data', (bytes) => later(() => to.write(bytes)));
    from.on('close', () => later(() => to.destroy())).on('error', () => {});
  };
  const server = createServer((client) => {
    const target = connect(port, '127.0.0.1');
    pass(client, target);
    pass(target, client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as { port: number }).port;
}

interface Told {
  readonly step: number;
  readonly workers: { readonly each: readonly { name: string; lateSeconds: number | null; lateBecause: string | null }[] };
}

test('a worker that computes longer and one with a slow link are named within ten steps, each with its cause', async (t) => {
  const recipe = await recipeFile(t, slowLoss);
  // Causes are judged from answers that count: where late shards are copied, nobody is kept waiting for long.
  const shape = [...waitForLate, '--shards', '4', '--batch-size', '16', '--grid-every', '0', '--steps', '100000'];
  const run = await startRun(t, { args: [...shape, '--workers', '4', '--carrier', 'inline', '--recipe', recipe] });
  const endpoint = await run.endpoint();
  const slowPort = await slowLink(t, Number(new URL(endpoint).port), delayMs / 2);
  const join = (name: string, to: string, environment = {}) =>
    start(t, 'worker', ['--connect', to, '--name', name, '--backend', 'wasm', '--recipe', recipe], environment);
  join('a', endpoint);
  // A loss of the discriminator calls it twice, one of the generator once.
  join('computes-long', endpoint, { TEST_LOSS_PAUSE_MS: String(delayMs) });
  join('b', endpoint);
  join('far-away', `tcp://127.0.0.1:${slowPort}`);

  const url = await run.metricsUrl();
  const expected = { a: null, b: null, 'computes-long': 'compute', 'far-away': 'link' };
  const told = await eventually(run, 'the right causes', async () => {
    const status = (await (await fetch(`${url}/status`)).json()) as Told;
    const causes = Object.fromEntries(status.workers.each.map(({ name, lateBecause }) => [name, lateBecause]));
    const isRight = Object.entries(expected).every(([name, cause]) => causes[name] === cause);
    assert.ok(isRight || status.step < 10, `after ${status.step} steps: ${JSON.stringify(status.workers.each)}`);
    return isRight && status;
  });
  const late = told.workers.each.find(({ name }) => name === 'far-away')!.lateSeconds!;
  assert.ok(late > 0.15 && late < 1, `${late} s late`);

  // It stays so, and nobody else joins them.
  await stepsDone(run, told.step + 5);
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
  assert.ok(share('a', 'waiting') > share('a', 'compute') + share('a', 'link'));

  const lines = run
    .output()
    .split('\n')
    .filter((line) => line.includes('keeps the others waiting'));
  assert.equal(lines.filter((line) => /computes-long keeps .* because it computes longer/.test(line)).length, 1, 'told once');
  assert.equal(lines.filter((line) => /far-away keeps .* because its messages take longer/.test(line)).length, 1, 'told once');
  run.child.kill('SIGTERM');
  assert.equal((await within(run, 'its end', run.exited)).code, errorTable.stopped.exitCode);
});
