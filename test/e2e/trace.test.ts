import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, startRun } from './harness.ts';
import { waitForLate } from './scenarios.ts';

interface TraceEvent {
  readonly name: string;
  readonly ph: 'X' | 'i' | 'M';
  readonly ts: number;
  readonly dur: number;
  readonly pid: number;
  readonly tid: number;
  readonly args: Readonly<Record<string, unknown>>;
}

const shape = '--workers 2 --spawn --backend wasm --shards 4 --batch-size 16 --checkpoint-every 4 --grid-every 5 --trace'.split(' ');
/** Without copies, of which there are some on a busy machine, spans can be counted. */
const args = [...shape, ...waitForLate];

const endOf = ({ ts, dur }: TraceEvent): number => ts + dur;

/** On each lane, two spans are apart, or one is within the other. */
function assertNested(spans: readonly TraceEvent[]): void {
  for (const lane of new Set(spans.map(({ pid, tid }) => `${pid}/${tid}`))) {
    const open: TraceEvent[] = [];
    const ofLane = spans.filter(({ pid, tid }) => `${pid}/${tid}` === lane);
    for (const span of ofLane.toSorted((a, b) => a.ts - b.ts || b.dur - a.dur)) {
      while (open.length > 0 && endOf(open.at(-1)!) <= span.ts) open.pop();
      const around = open.at(-1);
      assert.ok(around === undefined || endOf(span) <= endOf(around), `${span.name} at ${span.ts} on ${lane} crosses ${around?.name}`);
      open.push(span);
    }
  }
}

test('a trace shows every worker on one clock, in spans that nest, and leaves the bits alone', async (t) => {
  const run = await startRun(t, { args: [...args, '--steps', '10'] });
  const { weightsSha256 } = await run.completed();
  const events = JSON.parse(await readFile(join(run.directory, 'trace.json'), 'utf8')) as TraceEvent[];
  const spans = events.filter(({ ph }) => ph === 'X');
  const lanes = events.filter(({ name }) => name === 'process_name').map(({ args }) => args['name'] as string);
  assert.deepEqual(lanes.toSorted(), ['coordinator', 'local-0', 'local-1']);
  assertNested(spans);

  const count = (name: string, pid?: number): number =>
    spans.filter((span) => span.name === name && (pid === undefined || span.pid === pid)).length;
  assert.deepEqual(
    [1, 5, 10].map((step) => count(`step ${step}`)),
    [1, 1, 1],
  );
  // Two phases a step, both workers in each; grids of steps 5 and 10 by one worker.
  assert.deepEqual(
    ['apply', 'discriminator', 'generator', 'grid', 'assign', 'reduce'].map((name) => count(name)),
    [20, 10, 10, 2, 42, 40],
  );
  // Of steps 4 and 8, unless the one before is still being written; of step 10 in any case.
  const snapshots = count('checkpoint snapshot');
  assert.ok(snapshots >= 1 && snapshots <= 3, `${snapshots} snapshots`);
  for (const pid of [2, 3]) {
    for (const name of ['weights', 'compute', 'send', 'RESULT']) assert.ok(count(name, pid) >= 20, `${name} of ${pid}`);
    assert.ok(count('wait', pid) >= 19);
    assert.equal(count('prepare', pid), 1);
  }
  assert.equal(spans.filter(({ name }) => name.startsWith('shard ')).length, 80);

  const assigned = new Map(spans.filter(({ name }) => name === 'assign').map((span) => [span.args['workId'], span]));
  for (const work of spans.filter(({ name, pid }) => pid > 1 && name.startsWith('round '))) {
    const assign = assigned.get(work.args['workId'])!;
    assert.ok(work.ts >= assign.ts, `${work.name} begins at ${work.ts}, before it was assigned at ${assign.ts}`);
    const apply = spans.find(({ name, args }) => name === 'apply' && `round ${args['round'] as number}` === work.name);
    if (work.args['task'] === 'gradient') assert.ok(endOf(work) <= apply!.ts, `${work.name} ends after it was applied`);
  }
  const untraced = await startRun(t, { args: [...args.filter((argument) => argument !== '--trace'), '--steps', '10'] });
  assert.deepEqual((await untraced.completed()).weightsSha256, weightsSha256);
  await assert.rejects(readFile(join(untraced.directory, 'trace.json')), { code: 'ENOENT' });
});

test('the trace of a killed run can be read, and a resumed run does not replace it', async (t) => {
  const run = await startRun(t, { args: [...args, '--steps', '100000'] });
  const path = join(run.directory, 'trace.json');
  await eventually(run, 'a trace of steps', async () => (await readFile(path, 'utf8').catch(() => '')).includes('"step 5"'));
  run.child.kill('SIGKILL');
  await run.exited;
  const text = await readFile(path, 'utf8');
  // Viewers add the end that is missing.
  const events = JSON.parse(`${text}]`) as TraceEvent[];
  assertNested(events.filter(({ ph }) => ph === 'X'));
  const resumed = await startRun(t, { args: ['--resume', '--steps', '10000'], directory: run.directory });
  await eventually(resumed, 'a trace of its own', () => readFile(join(run.directory, 'trace.term-2.json')).catch(() => undefined));
  assert.equal(await readFile(path, 'utf8'), text);
});
