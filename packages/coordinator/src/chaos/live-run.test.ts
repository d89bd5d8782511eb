import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openLiveRun } from './live-run.ts';
import { identityOf, signalProcess } from './process-identity.ts';

const needsProc = { skip: process.platform === 'linux' ? false : 'needs /proc' };

function sleeper(t: TestContext): ChildProcess {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function runWith(t: TestContext, events: readonly object[], losses: readonly number[] = []): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'lockstep-test-'));
  t.after(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, 'events.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  await writeFile(join(directory, 'losses.jsonl'), losses.map((step) => `{"step":${step}}\n`).join(''));
  return directory;
}

test('victims are the workers that the coordinator started, and nobody who got the number of one later', needsProc, async (t) => {
  const child = sleeper(t);
  const time = new Date().toISOString();
  // This process stands for the coordinator.
  const started = { time, event: 'coordinator-started', pid: process.pid };
  const joined = { time, event: 'worker-joined', worker: 'a', host: hostname(), pid: child.pid };
  const victimsOf = async (...events: object[]): Promise<string[]> => {
    const run = openLiveRun(await runWith(t, events));
    await run.refresh();
    return (await run.victims()).map(({ name }) => name);
  };
  assert.deepEqual(await victimsOf(started, joined), ['a']);
  const before = new Date(Date.now() - 3_600_000).toISOString();
  assert.deepEqual(await victimsOf(started, { ...joined, time: before }), [], 'a process that started after the worker had joined');
  assert.deepEqual(await victimsOf({ ...started, time: before }, joined), [], 'a coordinator whose number is of another process now');
  assert.deepEqual(await victimsOf(started, { ...joined, host: 'elsewhere' }), []);
  assert.deepEqual(await victimsOf(started, { ...joined, pid: process.ppid }), [], 'not a child of the coordinator');
  assert.deepEqual(await victimsOf(started, joined, { time, event: 'worker-left', worker: 'a' }), []);
  assert.deepEqual(await victimsOf(started, joined, { time, event: 'coordinator-ended' }), []);
});

test('steps that a resumed run does again are counted', async (t) => {
  const directory = await runWith(t, [], [1, 2, 3, 4]);
  const run = openLiveRun(directory);
  await run.refresh();
  await writeFile(join(directory, 'losses.jsonl'), '{"step":1}\n{"step":2}\n');
  await run.refresh();
  assert.deepEqual([run.happened().steps, run.happened().repeated], [4, 2]);
  await appendFile(join(directory, 'losses.jsonl'), '{"step":3}\n{"step":4}\n{"step":5}\n');
  await run.refresh();
  assert.deepEqual([run.happened().steps, run.happened().repeated], [5, 2]);
});

test('a signal reaches exactly the process that was meant', needsProc, async (t) => {
  const child = sleeper(t);
  const identity = (await identityOf(child.pid!))!;
  assert.equal(identity.parent, process.pid);
  assert.equal(await signalProcess({ ...identity, startedTicks: identity.startedTicks - 1 }, 'SIGKILL'), false);
  assert.equal(await signalProcess(identity, 'SIGKILL'), true);
  await once(child, 'exit');
  assert.equal(await signalProcess(identity, 'SIGKILL'), false);
});
