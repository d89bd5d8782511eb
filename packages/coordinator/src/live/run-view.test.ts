import assert from 'node:assert/strict';
import { truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLiveFigures } from './live-figures.ts';
import { createRunView, type RunView } from './run-view.ts';
import { writtenRun } from './testing.ts';

const everything = async (view: RunView) => {
  await view.refresh();
  return view.all();
};
const started = { term: 1, step: 0, runId: 'gan-1' };

test('a run that is being written is told from its files, then only what is new', async (t) => {
  const run = await writtenRun(t);
  await run.event('coordinator-started', started);
  await run.event('worker-joined', { worker: 'a', host: 'h', device: 'CPU' });
  await run.losses(1, 3);
  await run.grid(2);
  const view = createRunView(run.path);
  const { head, curves, events, grids } = await everything(view);
  assert.deepEqual([head.state, head.runId, head.recipe, head.seed, head.step, head.steps], ['training', 'gan-1', 'gan', 7, 3, 100]);
  assert.deepEqual(head.workers, [{ name: 'a', host: 'h', device: 'CPU', state: 'joined' }]);
  assert.deepEqual(curves.series, { 'loss.generator': [0.1, 0.2, 0.3], 'metrics.realScore': [0.5, 0.5, 0.5] });
  assert.deepEqual(
    events.map(({ text }) => text),
    ['Worker a joined: CPU, host h.', 'Coordinator started (term 1).'],
  );
  assert.deepEqual(grids, [2]);

  view.news();
  await view.refresh();
  assert.deepEqual(view.news(), {});
  await run.losses(4, 4);
  await view.refresh();
  const news = view.news();
  assert.deepEqual(Object.keys(news), ['head', 'curves']);
  assert.deepEqual(news.curves, { from: 3, steps: [4], series: { 'loss.generator': [0.4], 'metrics.realScore': [0.5] } });
});

test('an end is told with its reason, until a coordinator starts again', async (t) => {
  const run = await writtenRun(t);
  const view = createRunView(run.path);
  await run.losses(1, 2);
  for (const [outcome, state] of [
    ['completed', 'finished'],
    ['stopped', 'stopped'],
    ['failed', 'failed'],
  ]) {
    await run.event('coordinator-started', started);
    assert.equal((await everything(view)).head.state, 'training');
    await run.event('coordinator-ended', { outcome, reason: `because ${outcome}`, shardsCommitted: { a: 12 } });
    const { head } = await everything(view);
    assert.deepEqual([head.state, head.reason], [state, `because ${outcome}`]);
    assert.equal(head.workers[0]?.shards, 12);
  }
});

test('a run without an end that has written nothing for long is not called training', async (t) => {
  const run = await writtenRun(t);
  await run.losses(1, 2);
  await utimes(join(run.path, 'losses.jsonl'), 1, 1);
  assert.equal((await everything(createRunView(run.path))).head.state, 'quiet');
});

test('a resumed run, whose losses were cut, is told anew', async (t) => {
  const run = await writtenRun(t);
  await run.losses(1, 5);
  const view = createRunView(run.path);
  await everything(view);
  view.news();
  await truncate(join(run.path, 'losses.jsonl'), 0);
  await run.losses(1, 3);
  await view.refresh();
  const { curves, head } = view.news();
  assert.deepEqual(curves?.steps, [1, 2, 3]);
  assert.equal(curves.from, 0);
  assert.equal(head?.step, 3);
});

test('damaged and overlong files do no harm', async (t) => {
  const run = await writtenRun(t);
  await writeFile(join(run.path, 'losses.jsonl'), 'not JSON\n[1]\n{"step":"x"}\nnull\n{"step":4,"loss":{"g":1e400}}\n');
  await writeFile(join(run.path, 'events.jsonl'), `{}\nnull\n{"time":1,"event":2}\n${'x'.repeat(3_000_000)}\n`);
  for (let number = 0; number < 150; number += 1) await run.event('worker-failed', { worker: 'w', reason: 'r'.repeat(2000) });
  const { curves, events } = await everything(createRunView(run.path));
  assert.deepEqual(curves, { from: 0, steps: [4], series: { 'loss.g': [null] } });
  assert.equal(events.length, 100);
  assert.ok(events.every(({ text }) => text.length <= 400));
});

test('what a coordinator knows wins over its files, but for the end', async (t) => {
  const run = await writtenRun(t);
  const figures = createLiveFigures();
  const about = { runId: 'gan-1', recipe: 'gan', seed: 7, steps: 100, workersWanted: 2 };
  const workers = ['a', 'b'].map((name) => ({ name, host: 'h', device: 'CPU', state: 'ready', shards: 1 }));
  const view = createRunView(run.path, { about, figures, now: () => ({ state: 'training', reason: 'why', step: 9, workers }) });
  for (const [late, early] of [
    ['a', 'b'],
    ['a', 'b'],
  ] as const) {
    figures.measured(early, 0.1, true);
    figures.measured(late, 0.3, true);
    figures.committed('g', { idle: 1, checkpoint: 2, data: 4, serialise: 8, send: 16, compute: 0.3, wait: 0.1, reduce: 0.01, apply: 0.02 });
  }
  figures.stepCompleted(1, 50, 0.5, { imagesPerSecond: 99, remainingSeconds: 5 });
  const { head, speed } = await everything(view);
  assert.deepEqual([head.state, head.step, head.imagesPerSecond, head.remainingSeconds], ['training', 9, 99, 5]);
  assert.deepEqual(head.phases, [{ phase: 'g', seconds: { compute: 0.3, wait: 0.1, send: 28, reduce: 0.01, apply: 0.02, between: 3 } }]);
  const [a, b] = head.workers;
  assert.equal(a?.computeSeconds, 0.3);
  assert.ok(a.lastShare! > b!.lastShare!);
  assert.deepEqual(speed, { from: 0, steps: [1], series: { imagesPerSecond: [100] } });
  await run.event('coordinator-ended', { outcome: 'failed', reason: 'it diverged', shardsCommitted: {} });
  assert.deepEqual((await everything(view)).head.reason, 'it diverged');
});
