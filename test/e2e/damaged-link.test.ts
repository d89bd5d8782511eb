/** A link that changes bits, which TCP's own checksum lets pass now and then: no tensor that was damaged is used. */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { errorTable } from '@lockstep/shared';
import { startRun, startWorker, within, type Program, type Run } from './harness.ts';
import { needsProc } from './processes.ts';
import { type Direction, startProxy } from './proxy.ts';
import { eventsNamed, quick, steps, undisturbed } from './scenarios.ts';

/** Flips a bit of a tensor in every n-th part of a message that is long enough to be sure that it holds one. */
function damaging(every: number): (bytes: Buffer, direction: Direction) => Buffer {
  const seen = { up: 0, down: 0 };
  return (bytes, direction) => {
    if (bytes.length < 16_384) return bytes;
    seen[direction] += 1;
    if (seen[direction] % every !== 0) return bytes;
    const changed = Buffer.from(bytes);
    // Not at the beginning, where a header may be.
    changed[bytes.length - 5000]! ^= 1;
    return changed;
  };
}

async function runOver(t: TestContext, every: number): Promise<{ run: Run; worker: Program }> {
  const run = await startRun(t, { args: [...quick, '--carrier', 'inline', '--workers', '1', '--steps', String(steps)] });
  const proxy = await startProxy(t, await run.endpoint());
  proxy.set({ change: damaging(every) });
  return { run, worker: await startWorker(t, { ...run, endpoint: async () => proxy.endpoint }, ['--name', 'a']) };
}

describe('a link that changes bits', { concurrency: true, skip: needsProc }, () => {
  test('now and then costs a repetition each time, and the weights are those of an undisturbed run', async (t) => {
    const { run } = await runOver(t, 11);
    const figures = watchFigures(await run.metricsUrl());
    const { weightsSha256 } = await run.completed();
    assert.deepEqual(weightsSha256, (await undisturbed(t)).weightsSha256);
    assert.deepEqual(await run.losses(), (await undisturbed(t)).losses);
    assert.deepEqual((await eventsNamed(run, 'worker-left')).length, 0);
    const { sent, received } = await figures;
    assert.ok(sent > 0 && received > 0, `damaged: ${sent} sent, ${received} received`);
  });

  test('in every message ends the worker with a sentence that says what to check', async (t) => {
    const { run, worker } = await runOver(t, 1);
    assert.equal((await within(worker, 'its end', worker.exited)).code, errorTable.refused.exitCode);
    assert.match(worker.output(), /Tensors arrived damaged 4 times in a row\. Check the network between it and the coordinator/);
    assert.equal((await run.losses()).length, 0);
  });
});

/** The last figures before the run ends. */
async function watchFigures(url: string): Promise<{ sent: number; received: number }> {
  let last = { sent: 0, received: 0 };
  for (;;) {
    const text = await fetch(`${url}/metrics`).then(
      (response) => response.text(),
      () => undefined,
    );
    if (text === undefined) return last;
    const figure = (direction: 'sent' | 'received'): number =>
      Number(new RegExp(`^lockstep_damaged_messages_total\\{direction="${direction}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? last[direction]);
    last = { sent: figure('sent'), received: figure('received') };
  }
}
