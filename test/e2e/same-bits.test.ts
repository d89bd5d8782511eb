/** The promise, with real processes: the same seed gives the same weights, bit for bit, whatever the workers, the addresses and the faults. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { eventually, type Line, type Run, startRun, startWorker, type Summary, temporaryDirectory, within } from './harness.ts';
import { waitForLate } from './scenarios.ts';

const steps = 30;
const short = ['--grid-every', '0', '--checkpoint-every', '0'];
const bits = ({ weightsSha256 }: Summary): Readonly<Record<string, string>> => weightsSha256;

/** A whole run with N spawned workers. */
async function train(
  t: TestContext,
  workers: number,
  args: readonly string[] = [],
  bind?: string,
): Promise<{ run: Run; summary: Summary }> {
  const length = args.includes('--steps') ? [] : ['--steps', String(steps)];
  const run = await startRun(t, {
    args: ['--workers', String(workers), '--spawn', '--backend', 'wasm', ...short, ...length, ...args],
    ...(bind === undefined ? {} : { bind }),
  });
  return { run, summary: await run.completed() };
}

const eventsNamed = async (run: Run, event: string): Promise<Line[]> => (await run.events()).filter((line) => line['event'] === event);
const shardsCommitted = async (run: Run): Promise<Record<string, number>> =>
  (await eventsNamed(run, 'coordinator-ended'))[0]!['shardsCommitted'] as Record<string, number>;

describe('same bits', { concurrency: false }, () => {
  let reference: Promise<Summary> | undefined;
  const undisturbed = (t: TestContext): Promise<Summary> => (reference ??= train(t, 1).then(({ summary }) => summary));

  for (const workers of [2, 3, 4]) {
    test(`with ${workers} workers as with 1, each of which had shards committed`, async (t) => {
      const { run, summary } = await train(t, workers);
      assert.deepEqual(bits(summary), bits(await undisturbed(t)));
      const committed = await shardsCommitted(run);
      assert.equal(Object.keys(committed).length, workers);
      for (const [worker, count] of Object.entries(committed)) assert.ok(count > 0, `${worker} committed nothing`);
      assert.equal(
        Object.values(committed).reduce((sum, count) => sum + count, 0),
        steps * 2 * 4,
      );
    });
  }

  test('with 8 workers and 8 shards as with 1', async (t) => {
    const one = await train(t, 1, ['--shards', '8', '--steps', '10']);
    const eight = await train(t, 8, ['--shards', '8', '--steps', '10']);
    assert.deepEqual(bits(eight.summary), bits(one.summary));
    assert.equal(Object.keys(await shardsCommitted(eight.run)).length, 8);
  });

  test('with 3 workers, 6 shards and a batch of 500 (shards of two sizes) as with 1', async (t) => {
    const args = ['--shards', '6', '--batch-size', '500', '--steps', '10'];
    const one = await train(t, 1, args);
    const three = await train(t, 3, args);
    assert.deepEqual(bits(three.summary), bits(one.summary));
  });

  test('over ipc as over tcp', async (t) => {
    const { summary } = await train(t, 2, [], `ipc://${join(await temporaryDirectory(t), 'lockstep.sock')}`);
    assert.deepEqual(bits(summary), bits(await undisturbed(t)));
  });

  test('in messages as through shared memory', async (t) => {
    const shared = await train(t, 2);
    const inline = await train(t, 2, ['--carrier', 'inline']);
    for (const [{ run }, carrier] of [
      [shared, 'shm'],
      [inline, 'inline'],
    ] as const) {
      for (const joined of await eventsNamed(run, 'worker-joined')) assert.equal(joined['carrier'], carrier);
    }
    assert.deepEqual(bits(inline.summary), bits(shared.summary));
    assert.deepEqual(bits(inline.summary), bits(await undisturbed(t)));
  });

  test('another seed gives different weights, and training changes them', async (t) => {
    const other = await train(t, 1, ['--seed', '2']);
    const oneStep = await train(t, 1, ['--steps', '1']);
    const reference = bits(await undisturbed(t));
    for (const network of Object.keys(reference)) {
      assert.notEqual(bits(other.summary)[network], reference[network]);
      assert.notEqual(bits(oneStep.summary)[network], reference[network]);
    }
  });

  test('when a worker is killed with -9 in the middle, and its shards are reassigned', async (t) => {
    const run = await startRun(t, { args: ['--workers', '2', ...short, ...waitForLate, '--steps', '150'] });
    await startWorker(t, run, ['--name', 'survivor']);
    const victim = await startWorker(t, run, ['--name', 'victim']);
    await eventually(run, 'twenty steps', async () => (await run.losses()).length >= 20);
    // Stopped first, so that it certainly has shards when it dies.
    victim.child.kill('SIGSTOP');
    const stuckAt = (await run.losses()).length;
    await eventually(run, 'a round that waits for the victim', async () => ((await status(run)).reason as string).endsWith('from victim.'));
    victim.child.kill('SIGKILL');
    const summary = await run.completed();
    assert.ok(stuckAt < 150, 'killed before the end');
    const reassigned = await eventsNamed(run, 'shards-reassigned');
    assert.ok(reassigned.length >= 1 && (reassigned[0]!['shards'] as number[]).length >= 1, 'at least one shard was reassigned');
    assert.equal((await eventsNamed(run, 'worker-left'))[0]!['worker'], 'victim');
    assert.deepEqual(bits(summary), bits((await train(t, 1, ['--steps', '150'])).summary));
  });

  test('when a worker joins half-way, and shares the work from then on', async (t) => {
    const run = await startRun(t, { args: ['--workers', '1', ...short, '--steps', '400'] });
    await startWorker(t, run, ['--name', 'first']);
    await eventually(run, 'ten steps', async () => (await run.losses()).length >= 10);
    await startWorker(t, run, ['--name', 'late']);
    const summary = await run.completed();
    const joined = (await eventsNamed(run, 'worker-joined')).find((line) => line['worker'] === 'late');
    assert.ok((joined!['round'] as number) >= 20, 'it joined after training had begun');
    assert.ok((await shardsCommitted(run))['late']! > 0, 'it did some of the work');
    assert.deepEqual(bits(summary), bits((await train(t, 1, ['--steps', '400'])).summary));
  });

  test('when the run is stopped and resumed with another number of workers; the losses are the same lines', async (t) => {
    const whole = await train(t, 1, ['--steps', '200']);
    const directory = join(await temporaryDirectory(t), 'run');
    const args = ['--workers', '2', '--spawn', '--backend', 'wasm', ...short, '--steps', '200'];
    const first = await startRun(t, { directory, args });
    await eventually(first, 'twenty steps', async () => (await first.losses()).length >= 20);
    first.child.kill('SIGTERM');
    assert.deepEqual(await within(first, 'an orderly end', first.exited), { code: 21, signal: null });
    const stoppedAt = (await first.losses()).length;
    assert.ok(stoppedAt < 200, `stopped in the middle, at ${stoppedAt}`);
    const second = await startRun(t, { directory, args: ['--resume', '--workers', '3', '--spawn'] });
    assert.deepEqual(bits(await second.completed()), bits(whole.summary));
    assert.deepEqual(await second.losses(), await whole.run.losses());
  });
});

async function status(run: Run): Promise<Record<string, unknown>> {
  const response = await fetch(`${await run.metricsUrl()}/status`);
  return (await response.json()) as Record<string, unknown>;
}
