import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { cp, mkdir, readFile, rename, rm, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LockstepError } from '@lockstep/shared';
import { scratchDirectory, smallDisk } from '../disk/testing.ts';
import { latestCheckpoint, readCheckpoint } from './read.ts';
import { openCheckpointStore } from './store.ts';
import { exampleCheckpoint } from './testing.ts';

const fileNames = readdirSync;
const filesOfOne = 7;

describe('the checkpoint store', () => {
  test('reads back what it wrote, under the name of its position', async (t) => {
    const store = await openCheckpointStore(join(scratchDirectory(t), 'checkpoints'));
    const written = await store.write(exampleCheckpoint(500, 1));
    assert.equal(basename(written.path), 'step-000500-round-1');
    assert.deepEqual(await store.read(written.path), exampleCheckpoint(500, 1));
    const sizes = await Promise.all(fileNames(written.path).map(async (name) => (await stat(join(written.path, name))).size));
    assert.equal(
      written.bytes,
      sizes.reduce((sum, size) => sum + size, 0),
    );
    assert.deepEqual(fileNames(store.directory), ['step-000500-round-1']);
  });

  test('finds the newest by step and round, not by name or date', async (t) => {
    const store = await openCheckpointStore(scratchDirectory(t), { keep: 9 });
    for (const [step, round] of [
      [1_000_000, 1],
      [999_999, 0],
      [1_000_000, 0],
      [2, 1],
      [2, 0],
    ] as const)
      await store.write(exampleCheckpoint(step, round));
    const { latest, skipped } = await store.latest();
    assert.equal(basename(latest!.path), 'step-1000000-round-1');
    assert.deepEqual(latest!.checkpoint.cursor, exampleCheckpoint(1_000_000, 1).cursor);
    assert.deepEqual(skipped, []);
  });

  test('goes back to the checkpoint of a step, and is rid of newer ones only when told', async (t) => {
    const store = await openCheckpointStore(scratchDirectory(t), { keep: 9 });
    for (const [step, round] of [
      [1, 0],
      [2, 0],
      [2, 1],
      [3, 0],
    ] as const)
      await store.write(exampleCheckpoint(step, round));
    const { path, checkpoint } = await store.ofStep(2);
    assert.equal(basename(path), 'step-000002-round-1');
    assert.deepEqual(checkpoint.cursor, exampleCheckpoint(2, 1).cursor);
    assert.equal(basename((await store.latest()).latest!.path), 'step-000003');
    assert.deepEqual(await store.removeAfter((await store.ofStep(1)).path), ['step-000003', 'step-000002-round-1', 'step-000002']);
    assert.deepEqual(fileNames(store.directory), ['step-000001']);
    await assert.rejects(
      store.ofStep(2),
      (error) => error instanceof LockstepError && /no checkpoint of step 2.*step-000001/.test(error.message),
    );
  });

  test('has no latest checkpoint if there is none', async (t) => {
    const directory = join(scratchDirectory(t), 'none');
    assert.deepEqual(await latestCheckpoint(directory), { latest: undefined, skipped: [] });
    const store = await openCheckpointStore(directory);
    assert.deepEqual(await store.latest(), { latest: undefined, skipped: [] });
  });

  test('keeps the newest few, and always the one just written', async (t) => {
    const store = await openCheckpointStore(scratchDirectory(t), { keep: 2 });
    for (const step of [1, 2, 3, 4]) await store.write(exampleCheckpoint(step));
    assert.deepEqual(fileNames(store.directory), ['step-000003', 'step-000004']);
    await store.write(exampleCheckpoint(1));
    assert.deepEqual(fileNames(store.directory), ['step-000001', 'step-000003', 'step-000004']);
    await assert.rejects(openCheckpointStore(store.directory, { keep: 0 }), /keep is 0/);
  });

  test('does not count damaged checkpoints among those it keeps, and removes them when they are old', async (t) => {
    const store = await openCheckpointStore(scratchDirectory(t), { keep: 2 });
    for (const step of [1, 2]) await store.write(exampleCheckpoint(step));
    const damaged = join(store.directory, 'step-000002', 'generator.weights.bin');
    const bytes = await readFile(damaged);
    bytes[7]! ^= 1;
    await writeFile(damaged, bytes);
    const again = await openCheckpointStore(store.directory, { keep: 2 });
    await again.write(exampleCheckpoint(3));
    assert.deepEqual(fileNames(store.directory), ['step-000001', 'step-000002', 'step-000003']);
    await again.write(exampleCheckpoint(4));
    assert.deepEqual(fileNames(store.directory), ['step-000003', 'step-000004']);
  });

  test('runs writes one after another', async (t) => {
    const store = await openCheckpointStore(scratchDirectory(t), { keep: 3 });
    await Promise.all([5, 6, 6, 7, 8].map((step) => store.write(exampleCheckpoint(step))));
    assert.deepEqual(fileNames(store.directory), ['step-000006', 'step-000007', 'step-000008']);
    for (const step of [6, 7, 8])
      assert.deepEqual(await readCheckpoint(join(store.directory, `step-00000${step}`)), exampleCheckpoint(step));
  });
});

test('every checkpoint that is visible is whole, at any moment while others are written and removed', async (t) => {
  const store = await openCheckpointStore(scratchDirectory(t), { keep: 1 });
  const stopped = new AbortController();
  let looks = 0;
  const look = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      for (const name of fileNames(store.directory).filter((each) => each.startsWith('step-'))) {
        assert.ok([undefined, filesOfOne].includes(countFiles(join(store.directory, name))), name);
      }
      looks += 1;
      await turn();
    }
  };
  const write = async (): Promise<void> => {
    for (let step = 1; step <= 20; step += 1) await store.write(exampleCheckpoint(step % 4));
  };
  await Promise.all([look(), write().finally(() => stopped.abort())]);
  assert.ok(looks > 20, `only ${looks} looks`);
});

/** Undefined if the directory disappears meanwhile. */
function countFiles(directory: string): number | undefined {
  try {
    return fileNames(directory).length;
  } catch {
    return undefined;
  }
}

describe('writing where a checkpoint exists already', () => {
  test('does nothing if it is identical', async (t) => {
    const store = await openCheckpointStore(scratchDirectory(t));
    const first = await store.write(exampleCheckpoint(7));
    const { ino } = await stat(first.path);
    assert.deepEqual(await store.write(exampleCheckpoint(7)), { ...first, isNew: false });
    assert.equal((await stat(first.path)).ino, ino);
  });

  test('replaces one that is damaged or different', async (t) => {
    const store = await openCheckpointStore(scratchDirectory(t));
    const { path } = await store.write(exampleCheckpoint(7));
    await truncate(join(path, 'generator.adam-m.bin'), 4);
    assert.equal((await store.write(exampleCheckpoint(7))).isNew, true);
    assert.deepEqual(await store.read(path), exampleCheckpoint(7));
    const other = { ...exampleCheckpoint(7), lockstepVersion: 'another' };
    assert.equal((await store.write(other)).isNew, true);
    assert.deepEqual(await store.read(path), other);
    assert.deepEqual(fileNames(store.directory), ['step-000007']);
  });
});

describe('a damaged checkpoint', () => {
  /** Two checkpoints, the newer one damaged. The older must be found, the newer be named with its fault. */
  async function damage(t: TestContext, act: (newest: string) => Promise<void>, sentence: RegExp): Promise<void> {
    const store = await openCheckpointStore(scratchDirectory(t));
    await store.write(exampleCheckpoint(1));
    const { path } = await store.write(exampleCheckpoint(2));
    await act(path);
    const { latest, skipped } = await store.latest();
    assert.deepEqual(latest?.checkpoint, exampleCheckpoint(1));
    assert.equal(skipped.length, 1);
    assert.match(skipped[0]!.reason, sentence);
    assert.ok(skipped[0]!.reason.includes(skipped[0]!.path), skipped[0]!.reason);
  }

  test('is passed over whichever file is truncated, at any length', async (t) => {
    const directory = scratchDirectory(t);
    const store = await openCheckpointStore(directory);
    await store.write(exampleCheckpoint(1));
    const { path } = await store.write(exampleCheckpoint(2));
    for (const name of fileNames(path)) {
      const file = join(path, name);
      const whole = await readFile(file);
      for (const fraction of [0, 0.01, 0.25, 0.5, 0.75, 0.99]) {
        await writeFile(file, whole.subarray(0, Math.floor(whole.length * fraction)));
        const { latest, skipped } = await store.latest();
        assert.equal(basename(latest!.path), 'step-000001', `${name} cut at ${fraction}`);
        assert.ok(skipped[0]!.reason.includes(file), skipped[0]!.reason);
      }
      await writeFile(file, whole.subarray(0, -1));
      assert.equal(basename((await store.latest()).latest!.path), 'step-000001', name);
      await writeFile(file, whole);
      assert.equal(basename((await store.latest()).latest!.path), 'step-000002', name);
    }
  });

  test('is passed over for a flipped bit in any file', async (t) => {
    const store = await openCheckpointStore(scratchDirectory(t));
    await store.write(exampleCheckpoint(1));
    const { path } = await store.write(exampleCheckpoint(2));
    for (const name of fileNames(path)) {
      const whole = await readFile(join(path, name));
      for (const at of [0, Math.floor(whole.length / 2), whole.length - 1]) {
        const flipped = Buffer.from(whole);
        flipped[at]! ^= 0x10;
        await writeFile(join(path, name), flipped);
        assert.equal(basename((await store.latest()).latest!.path), 'step-000001', `${name} at ${at}`);
      }
      await writeFile(join(path, name), whole);
    }
  });

  test('is passed over for a missing file', (t) =>
    damage(t, (path) => unlink(join(path, 'generator.adam-v.bin')), /generator\.adam-v\.bin is missing/));
  test('is passed over for a missing checkpoint.json', (t) =>
    damage(t, (path) => unlink(join(path, 'checkpoint.json')), /checkpoint\.json is missing/));
  test('is passed over if it is empty', (t) =>
    damage(t, (path) => rm(path, { recursive: true }).then(() => mkdir(path)), /checkpoint\.json is missing/));
  test('is passed over if it is a file', (t) =>
    damage(t, (path) => rm(path, { recursive: true }).then(() => writeFile(path, 'x')), /checkpoint\.json is missing/));
  test('is passed over if a file is a pipe', (t) =>
    damage(
      t,
      async (path) => {
        await unlink(join(path, 'generator.weights.bin'));
        execFileSync('mkfifo', [join(path, 'generator.weights.bin')]);
      },
      /generator\.weights\.bin is not a plain file/,
    ));
  test('is passed over for another format version', (t) =>
    damage(
      t,
      async (path) => {
        const file = join(path, 'checkpoint.json');
        await writeFile(file, (await readFile(file, 'utf8')).replace('"formatVersion": 2', '"formatVersion": 9'));
      },
      /format version 9.* reads versions 1 and 2/,
    ));
  test('is passed over if it has the name of another', (t) =>
    damage(
      t,
      async (path) => {
        await rm(path, { recursive: true });
        await cp(join(path, '..', 'step-000001'), path, { recursive: true });
      },
      /holds step-000001/,
    ));
});

describe('opening the store', () => {
  test('removes what a killed process left, and nothing else', async (t) => {
    const directory = scratchDirectory(t);
    const store = await openCheckpointStore(directory);
    await store.write(exampleCheckpoint(1));
    for (const leftover of ['.tmp-step-000002', '.tmp-removed-step-000000']) {
      mkdirSync(join(directory, leftover));
      await writeFile(join(directory, leftover, 'generator.weights.bin'), 'half');
    }
    await writeFile(join(directory, 'notes.txt'), 'of the user');
    await openCheckpointStore(directory);
    assert.deepEqual(fileNames(directory), ['notes.txt', 'step-000001']);
  });

  test('restores a checkpoint that was moved aside for one that was never completed', async (t) => {
    const store = await openCheckpointStore(scratchDirectory(t));
    const { path } = await store.write(exampleCheckpoint(1));
    await rename(path, join(store.directory, '.tmp-replaced-step-000001'));
    const { latest } = await (await openCheckpointStore(store.directory)).latest();
    assert.deepEqual(latest?.checkpoint, exampleCheckpoint(1));
    await cp(path, join(store.directory, '.tmp-replaced-step-000001'), { recursive: true });
    await openCheckpointStore(store.directory);
    assert.deepEqual(fileNames(store.directory), ['step-000001']);
  });
});

describe('a disk that fails', () => {
  const isDiskError = (sentence: RegExp) => (error: unknown) =>
    error instanceof LockstepError && error.code === 'disk' && sentence.test(error.message);

  test('a file in place of the directory is named in the error', async (t) => {
    const file = join(scratchDirectory(t), 'checkpoints');
    await writeFile(file, '');
    await assert.rejects(openCheckpointStore(file), isDiskError(/checkpoints: there is a file where a directory is needed/));
  });

  test('full or read-only: older checkpoints stay, and nothing unfinished is left', async (t) => {
    const mounted = smallDisk(t, 256);
    if (mounted === undefined) return;
    const store = await openCheckpointStore(join(mounted, 'checkpoints'));
    await store.write(exampleCheckpoint(1));
    await assert.rejects(
      store.write(exampleCheckpoint(2, 0, 40_000)),
      isDiskError(/step-000002: the disk is full \(ENOSPC\)\. Free space/),
    );
    assert.deepEqual(fileNames(store.directory), ['step-000001']);
    assert.deepEqual((await store.latest()).latest?.checkpoint, exampleCheckpoint(1));
    await store.write(exampleCheckpoint(3));
    execFileSync('mount', ['-o', 'remount,ro', mounted]);
    await assert.rejects(store.write(exampleCheckpoint(4)), isDiskError(/step-000004: its file system is read-only \(EROFS\)/));
    assert.deepEqual((await store.latest()).latest?.checkpoint, exampleCheckpoint(3));
  });
});

describe('kill -9 while writing', () => {
  const here = (name: string): string => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)));
  // Five stores at once in one process: each kill hits five of them, at five different points.
  const program = `
    import { openCheckpointStore } from ${here('./store.ts')};
    import { exampleCheckpoint } from ${here('./testing.ts')};
    for (const directory of process.argv.slice(1)) write(directory);
    async function write(directory) {
      const store = await openCheckpointStore(directory, { keep: 2 });
      const { latest } = await store.latest();
      for (let step = (latest?.checkpoint.cursor.step ?? 0) + 1; ; step += 1) await store.write(exampleCheckpoint(step, 0, 5000));
    }
  `;
  const flags = ['--conditions=source', '--import', 'tsx', '--input-type=module', '--eval', program];

  const whole = (directory: string): string[] => fileNames(directory).filter((name) => name.startsWith('step-'));
  const unfinished = (directory: string): string[] => fileNames(directory).filter((name) => name.startsWith('.tmp-'));

  function unfinishedFiles(directory: string): number {
    return unfinished(directory).reduce((sum, name) => sum + (countFiles(join(directory, name)) ?? 0), 0);
  }

  /** Kills a writing child as soon as it has finished a checkpoint in each directory and `files` files of another in the first. */
  async function killAmid(directories: readonly string[], files: number): Promise<void> {
    const before = directories.map((directory) => whole(directory).join());
    const child = spawn(process.execPath, [...flags, ...directories], { stdio: ['ignore', 'ignore', 'inherit'] });
    const exit = once(child, 'exit');
    const ready = (): boolean => directories.every((directory, index) => whole(directory).join() !== before[index]);
    while (child.exitCode === null && !(ready() && unfinishedFiles(directories[0]!) >= files)) await pause(1);
    child.kill('SIGKILL');
    assert.deepEqual(await exit, [null, 'SIGKILL']);
  }

  test('leaves only whole checkpoints, at 20 different moments', async (t) => {
    const directories = Array.from({ length: 5 }, () => scratchDirectory(t));
    const reached = directories.map(() => 0);
    let amid = 0;
    for (const files of [0, 2, 4, 6]) {
      await killAmid(directories, files);
      for (const [index, directory] of directories.entries()) {
        amid += unfinished(directory).length;
        const { latest, skipped } = await latestCheckpoint(directory);
        assert.deepEqual(skipped, []);
        const { step } = latest!.checkpoint.cursor;
        assert.ok(step > reached[index]!, `went on from ${reached[index]} to ${step}`);
        assert.deepEqual(latest!.checkpoint, exampleCheckpoint(step, 0, 5000));
        for (const name of whole(directory)) await readCheckpoint(join(directory, name));
        reached[index] = step;
      }
    }
    assert.ok(amid > 0, 'no kill hit an unfinished checkpoint');
    for (const directory of directories) {
      await openCheckpointStore(directory, { keep: 2 });
      assert.deepEqual(fileNames(directory), whole(directory));
    }
  });
});
