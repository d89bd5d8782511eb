import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counter, Registry } from 'prom-client';
import { type Answer, createRoutes } from './routes.ts';
import type { Status } from './status.ts';

const status: Status = {
  state: 'waiting',
  reason: 'waiting for 2 of 4 workers',
  ready: false,
  runId: 'run-1',
  recipe: 'gan',
  step: 12,
  steps: 100,
  workers: { wanted: 4, live: 2, states: { ready: 2 }, each: [] },
};

function create(current: () => Status = () => status) {
  const registry = new Registry();
  const counter = new Counter({ name: 'lockstep_test_total', help: 'Test.', registers: [registry] });
  const clock = { nowMs: 0 };
  const routes = createRoutes({ registry, status: current, targets: () => [{ targets: ['127.0.0.1:9464'] }], nowMs: () => clock.nowMs });
  const answer = async (path: string): Promise<Answer & { body: string }> => {
    const { body, ...rest } = (await routes[path]?.answer?.(path)) ?? assert.fail(`no route ${path}`);
    return { ...rest, body: String(body) };
  };
  return { registry, counter, clock, routes, answer };
}

test('the five paths, each with a line about it', () => {
  const { routes } = create();
  assert.deepEqual(Object.keys(routes), ['/metrics', '/sd', '/healthz', '/readyz', '/status']);
  for (const [path, { about }] of Object.entries(routes)) assert.ok(about.length > 10, path);
});

test("/metrics has the registry's text and content type", async () => {
  const { counter, registry, answer } = create();
  counter.inc(3);
  const { code, type, body } = await answer('/metrics');
  assert.equal(code, 200);
  assert.equal(type, registry.contentType);
  assert.match(body, /^lockstep_test_total 3$/m);
});

test('/metrics is rendered at most four times a second', async () => {
  const { registry, clock, answer } = create();
  let renderings = 0;
  const metrics = registry.metrics.bind(registry);
  registry.metrics = () => {
    renderings += 1;
    return metrics();
  };
  for (clock.nowMs = 5000; clock.nowMs < 6000; clock.nowMs += 1) await answer('/metrics');
  assert.equal(renderings, 4);
});

test('/metrics is fresh again after a quarter of a second', async () => {
  const { counter, clock, answer } = create();
  await answer('/metrics');
  counter.inc();
  clock.nowMs = 250;
  assert.match((await answer('/metrics')).body, /^lockstep_test_total 1$/m);
});

test('/healthz is live whatever the run does', async () => {
  const { answer } = create(() => assert.fail('asked for the status'));
  assert.deepEqual(await answer('/healthz'), { code: 200, type: 'text/plain; charset=utf-8', body: 'live\n' });
});

test('/readyz answers 503 and why, and 200 once the run is ready', async () => {
  let current = status;
  const { answer } = create(() => current);
  const refused = await answer('/readyz');
  assert.equal(refused.code, 503);
  assert.equal(refused.body, 'waiting: waiting for 2 of 4 workers\n');
  current = { ...status, state: 'training', ready: true, reason: 'step 13 of 100 with 4 workers' };
  const ready = await answer('/readyz');
  assert.equal(ready.code, 200);
  assert.equal(ready.body, 'training: step 13 of 100 with 4 workers\n');
});

test('/status is the status as JSON', async () => {
  const { code, type, body } = await create().answer('/status');
  assert.equal(code, 200);
  assert.equal(type, 'application/json; charset=utf-8');
  assert.deepEqual(JSON.parse(body), status);
});
