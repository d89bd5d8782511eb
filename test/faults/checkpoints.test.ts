/**
 * Checkpoints, with a process that does nothing but write them: killed, on a disk that fails, damaged afterwards. Whatever happens, a run
 * resumes from a whole one.
 *
 * `npm test` runs a few of each, `npm run test:faults` 500 kills.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { checkpointNames, latestCheckpoint, readCheckpoint } from '../../packages/coordinator/src/checkpoint/read.ts';
import { openCheckpointStore } from '../../packages/coordinator/src/checkpoint/store.ts';
import { exampleCheckpoint } from '../../packages/coordinator/src/checkpoint/testing.ts';
import { root, temporaryDirectory } from '../e2e/harness.ts';
import { createRandom } from '../simulation/random.ts';
import { mountSmallDisk } from './deeds.ts';
import { failing, needsFiu } from './tools.ts';

const isFull = process.env['LOCKSTEP_FULL'] === '1';
const length = 5000;
/** Each kill hits as many checkpoints under way. */
const stores = 5;
const kills = isFull ? 100 : 4;
const cuts = isFull ? 100 : 10;
const writes = isFull ? 200 : 40;
const EIO = 5;

const compiled = (name: string): string => JSON.stringify(join(root, 'packages/coordinator/dist/checkpoint', name));
/** Writes in each directory, whatever fails, until it is killed or has written as many as it is told. Prints how many failed. */
const program = `
  import { openCheckpointStore } from ${compiled('store.js')};
  import { exampleCheckpoint } from ${compiled('testing.js')};
  const [writes, ...directories] = process.argv.slice(1);
  let failed = 0;
  await Promise.all(directories.map(async (directory) => {
    const store = await openCheckpointStore(directory, { keep: 2 });
    const { latest } = await store.latest();
    const first = (latest?.checkpoint.cursor.step ?? 0) + 1;
    for (let step = first; step < first + Number(writes); step += 1)
      await store.write(exampleCheckpoint(step, 0, ${length})).catch((error) => {
        if (error.code !== 'disk') throw error;
        failed += 1;
      });
  }));
  console.log(failed);
`;

function startWriter(count: number, directories: readonly string[], environment: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '--eval', program, String(count), ...directories], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** The step of the newest checkpoint, after every one that is there was found whole; 0 if there is none. */
async function newestOf(directory: string): Promise<number> {
  for (const name of await checkpointNames(directory)) {
    const { cursor, ...rest } = await readCheckpoint(join(directory, name));
    assert.deepEqual({ cursor, ...rest }, exampleCheckpoint(cursor.step, 0, length), name);
  }
  const { latest, skipped } = await latestCheckpoint(directory);
  assert.deepEqual(skipped, []);
  return latest?.checkpoint.cursor.step ?? 0;
}

describe('checkpoints', { concurrency: 1 }, () => {
  test(`kill -9 while checkpoints are written, ${kills * stores} of them at random times`, async (t) => {
    const place = await temporaryDirectory(t);
    const directories = Array.from({ length: stores }, (_, index) => join(place, String(index)));
    const random = createRandom(1);
    for (let kill = 0; kill < kills; kill += 1) {
      const before = await Promise.all(directories.map((directory) => newestOf(directory)));
      const writer = startWriter(2 ** 31, directories);
      const exited = once(writer, 'exit');
      t.after(() => writer.kill('SIGKILL'));
      const hasWritten = async (): Promise<boolean> =>
        (await checkpointNames(directories[0]!)).length > 0 && (await newestName()) > before[0]!;
      const newestName = async (): Promise<number> => Number(/\d+/.exec((await checkpointNames(directories[0]!))[0] ?? '0')![0]);
      while (writer.exitCode === null && !(await hasWritten())) await pause(2);
      await pause(random.below(100));
      writer.kill('SIGKILL');
      assert.deepEqual(await exited, [null, 'SIGKILL']);
      const after = await Promise.all(directories.map((directory) => newestOf(directory)));
      assert.ok(
        after.every((step, index) => step >= before[index]!),
        `from ${String(before)} to ${String(after)}`,
      );
    }
    t.diagnostic(`newest steps: ${String(await Promise.all(directories.map((directory) => newestOf(directory))))}`);
  });

  test('truncated anywhere, or with a flipped bit: the one before it is taken', async (t) => {
    const directory = await temporaryDirectory(t);
    const store = await openCheckpointStore(directory, { keep: 2 });
    await store.write(exampleCheckpoint(1));
    const { path } = await store.write(exampleCheckpoint(2));
    const random = createRandom(1);
    const { networks } = exampleCheckpoint(2);
    const files = [
      'checkpoint.json',
      ...networks.flatMap(({ name }) => ['weights', 'adam-m', 'adam-v'].map((part) => `${name}.${part}.bin`)),
    ];
    for (const name of files) {
      const file = join(path, name);
      const whole = await readFile(file);
      const damaged = Array.from({ length: cuts }, (_, cut) => whole.subarray(0, Math.floor((whole.length * cut) / cuts)));
      for (let flip = 0; flip < cuts / 5; flip += 1) {
        const bytes = Buffer.from(whole);
        bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
        damaged.push(bytes);
      }
      for (const bytes of damaged) {
        await writeFile(file, bytes);
        const { latest, skipped } = await latestCheckpoint(directory);
        assert.equal(latest?.checkpoint.cursor.step, 1, name);
        assert.match(skipped[0]!.reason, /step-000002/);
      }
      await writeFile(file, whole);
    }
    assert.equal((await latestCheckpoint(directory)).latest?.checkpoint.cursor.step, 2);
  });

  test('a disk that is full at random times', async (t) => {
    const disk = await mountSmallDisk(t, 1);
    if (disk === undefined) return t.skip('needs to mount a tmpfs (root)');
    const directory = join(disk, 'checkpoints');
    const writer = startWriter(writes, [directory]);
    const random = createRandom(1);
    const over = new AbortController();
    const filling = (async () => {
      while (!over.signal.aborted) {
        await writeFile(join(disk, 'filler'), Buffer.alloc(2 ** 20)).catch(() => {});
        await pause(random.below(50));
        await rm(join(disk, 'filler'), { force: true });
        await pause(random.below(100));
      }
    })();
    await assertFailedSometimes(t, writer).finally(() => over.abort());
    await filling;
    assert.ok((await newestOf(directory)) > 0);
  });

  for (const [what, calls, probability] of [
    ['when it syncs', 'posix/io/sync/fsync', 0.02],
    ['when it renames', 'posix/io/dir/rename', 0.1],
  ] as const) {
    test(`a disk that fails at random, ${what}`, { skip: needsFiu }, async (t) => {
      const directory = join(await temporaryDirectory(t), 'checkpoints');
      await assertFailedSometimes(t, startWriter(writes, [directory], failing(calls, EIO, probability)));
      assert.ok((await newestOf(directory)) > 0);
    });
  }
});

/** The writer has gone on after writes that failed. */
async function assertFailedSometimes(t: TestContext, writer: ChildProcess): Promise<void> {
  t.after(() => writer.kill('SIGKILL'));
  let output = '';
  writer.stdout!.setEncoding('utf8').on('data', (text: string) => (output += text));
  assert.deepEqual(await once(writer, 'close'), [0, null]);
  const failed = Number(output);
  t.diagnostic(`${failed} of ${writes} writes failed`);
  assert.ok(failed > 0 && failed < writes, `${failed} of ${writes} writes failed`);
}
