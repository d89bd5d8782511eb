/**
 * Draws every row of the dashboards into docs/images, with data that a real Prometheus scraped from a real run: `npm run dashboards:pictures`.
 * In the run, one of four workers is slow for a while (it is stopped four fifths of the time) and another is killed.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, root, type Run, startRun } from '../../e2e/harness.ts';
import { eventsNamed, status, stepsDone } from '../../e2e/scenarios.ts';
import { type Prometheus, startPrometheus } from '../prometheus.ts';
import { type Dashboard, dashboards, type Panel, substituted } from '../sources.ts';
import { drawRow, type Named, type Window } from './draw.ts';

/** Steps at which something happens, so that the pictures of two machines look alike. */
const [slowFrom, slowTo, killAt, end] = [80, 180, 240, 320];

test('pictures', async (t) => {
  const settings = ['--recipe', 'gan', '--steps', '5000', '--checkpoint-every', '50', '--grid-every', '0', '--batch-size', '32'];
  const run = await startRun(t, { args: [...settings, '--workers', '4', '--spawn', '--backend', 'wasm'], patienceMs: 600_000 });
  const prometheus = await startPrometheus(t, `${await run.metricsUrl()}/sd`);
  await stepsDone(run, 1);
  const from = Date.now() / 1000;
  const joined = await eventsNamed(run, 'worker-joined');
  await reached(run, slowFrom);
  await slowed(joined[1]!['pid'] as number, reached(run, slowTo));
  await reached(run, killAt);
  process.kill(joined[2]!['pid'] as number, 'SIGKILL');
  await reached(run, end);
  const window = { from, to: Date.now() / 1000 };
  for (const dashboard of dashboards) await drawDashboard(dashboard, prometheus, window);
});

async function reached(run: Run, step: number): Promise<void> {
  // Waits have a bound that is meant for tests; this takes minutes, so it waits for each step anew.
  for (let last = 0; last < step; last = (await status(run)).step) {
    await eventually(run, `step ${last + 1}`, async () => (await status(run)).step > last);
  }
}

async function slowed(pid: number, until: Promise<void>): Promise<void> {
  const waiting = { over: false };
  void until.finally(() => (waiting.over = true));
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  while (!waiting.over) {
    process.kill(pid, 'SIGSTOP');
    await pause(240);
    process.kill(pid, 'SIGCONT');
    await pause(60);
  }
  await until;
}

async function drawDashboard({ file, panels }: Dashboard, prometheus: Prometheus, window: Window): Promise<void> {
  const rows: { readonly title: string; readonly panels: Panel[] }[] = [];
  for (const panel of panels) {
    if (panel.type === 'row') rows.push({ title: panel.title, panels: [] });
    else rows.at(-1)?.panels.push(panel);
  }
  for (const { title, panels } of rows) {
    const withData = await Promise.all(panels.map(async (panel) => ({ panel, data: await dataOf(panel, prometheus, window) })));
    const name = `${file.replace('.json', '')}-${title
      .toLowerCase()
      .replace(/[^a-z]+/g, '-')
      .replace(/-$/, '')}`;
    const path = join(root, 'docs/images', `dashboard-${name}.svg`);
    await rm(path, { force: true });
    await writeFile(path, drawRow(title, withData, window));
  }
}

async function dataOf({ targets = [] }: Panel, prometheus: Prometheus, { from, to }: Window): Promise<Named[]> {
  const variables = { job: '.+', run: '.+', worker: '.+', __rate_interval: '8s', __interval: '1s', __range: `${Math.ceil(to - from)}s` };
  const answers = targets.map(async ({ expr, instant, legendFormat = '' }) => {
    const query = substituted(expr, variables);
    const series = instant ? await prometheus.instant(query) : await prometheus.range(query, to - from);
    return series
      .map(({ labels, points }) => ({ labels, points: points.filter(([, value]) => !Number.isNaN(value)) }))
      .filter(({ points }) => points.length > 0)
      .map((one) => ({ name: legendFormat.replace(/\{\{(\w+)\}\}/g, (_, label: string) => one.labels[label] ?? '').trim(), series: one }));
  });
  return (await Promise.all(answers)).flat();
}
