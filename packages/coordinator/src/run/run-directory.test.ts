import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { ErrorCode } from '@lockstep/shared';
import { LockstepError } from '@lockstep/shared';
import { openCheckpointStore } from '../checkpoint/store.ts';
import { exampleCheckpoint } from '../checkpoint/testing.ts';
import { scratchDirectory } from '../disk/testing.ts';
import { createRunDirectory, holdsRun, readRunConfig, resumeRunDirectory } from './run-directory.ts';
import { eventLine, lastTerm, maximumEventLength } from './events-file.ts';

const now = (): Date => new Date('2026-01-02T03:04:05.678Z');
const isError = (code: ErrorCode, sentence: RegExp) => (error: unknown) =>
  error instanceof LockstepError && error.code === code && sentence.test(error.message);
const linesIn = (path: string): unknown[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));

describe('a new run directory', () => {
  test('holds every file and folder of a run', async (t) => {
    const path = join(scratchDirectory(t), 'runs', 'one');
    const run = await createRunDirectory(path, { seed: 42 }, { now });
    run.appendLoss({ step: 1, images: 128, loss: { generator: 0.5 } });
    run.appendEvent({ event: 'worker-joined', worker: 'w1', host: 'h', pid: 7 });
    assert.equal(await run.writeGrid(500, Buffer.from('png')), join(path, 'grids', 'step-000500.png'));
    await run.close();
    assert.deepEqual(readdirSync(path), ['checkpoints', 'config.json', 'events.jsonl', 'grids', 'losses.jsonl', 'model']);
    assert.deepEqual(await readRunConfig(path), { seed: 42 });
    assert.equal(readFileSync(join(path, 'losses.jsonl'), 'utf8'), '{"step":1,"images":128,"loss":{"generator":0.5}}\n');
    assert.deepEqual(linesIn(join(path, 'events.jsonl')), [
      { time: '2026-01-02T03:04:05.678Z', event: 'worker-joined', worker: 'w1', host: 'h', pid: 7 },
    ]);
    assert.deepEqual(readdirSync(join(path, 'grids')), ['step-000500.png']);
    assert.equal(run.checkpointsPath, join(path, 'checkpoints'));
    assert.equal(run.modelPath, join(path, 'model'));
  });

  test('that never began is removed, with the directories made for it, but with nothing of others', async (t) => {
    const place = scratchDirectory(t);
    const refused = await createRunDirectory(join(place, 'runs', 'one'), {});
    await refused.recordStart({});
    await refused.close();
    await refused.remove();
    assert.deepEqual(readdirSync(place), []);

    mkdirSync(join(place, 'mine', 'grids'), { recursive: true });
    writeFileSync(join(place, 'mine', 'grids', 'cat.png'), '');
    const beside = await createRunDirectory(join(place, 'mine'), {});
    await beside.close();
    await beside.remove();
    assert.deepEqual(readdirSync(place, { recursive: true }), ['mine', 'mine/grids', 'mine/grids/cat.png']);
  });

  test('replaces config.json and summary.json as a whole', async (t) => {
    const path = scratchDirectory(t);
    const run = await createRunDirectory(path, { steps: 1 });
    await run.writeConfig({ steps: 2 });
    const summary = {
      runId: 'r',
      recipe: 'gan',
      seed: 1,
      steps: 2,
      images: 256,
      seconds: 1.5,
      imagesPerSecond: 170,
      backend: 'wasm',
      workers: 2,
      weightsSha256: {},
    };
    await run.writeSummary(summary);
    assert.deepEqual(await readRunConfig(path), { steps: 2 });
    assert.deepEqual(JSON.parse(readFileSync(join(path, 'summary.json'), 'utf8')), summary);
    await run.close();
  });

  test('is refused if a run is there, whatever is left of it', async (t) => {
    const refused = isError('run-exists', /holds a run already\. Add --resume to continue it, or choose another --run-dir\./);
    const path = join(scratchDirectory(t), 'one');
    await (await createRunDirectory(path, {})).close();
    await assert.rejects(createRunDirectory(path, {}), refused);
    for (const name of ['config.json', 'losses.jsonl', 'events.jsonl', 'summary.json']) {
      const other = join(scratchDirectory(t), name);
      mkdirSync(other);
      writeFileSync(join(other, name), '');
      await assert.rejects(createRunDirectory(other, {}), refused, name);
      assert.deepEqual(readdirSync(other), [name]);
    }
    const checkpointed = scratchDirectory(t);
    await (await openCheckpointStore(join(checkpointed, 'checkpoints'))).write(exampleCheckpoint(1));
    await assert.rejects(createRunDirectory(checkpointed, {}), refused);
  });

  test('may be a directory with other files, or one whose creation was interrupted', async (t) => {
    const path = scratchDirectory(t);
    writeFileSync(join(path, 'notes.txt'), 'mine');
    writeFileSync(join(path, '.tmp-config.json'), '{');
    for (const name of ['grids', 'checkpoints', 'model']) mkdirSync(join(path, name));
    assert.equal(await holdsRun(path), false);
    await (await createRunDirectory(path, {})).close();
    assert.equal(readFileSync(join(path, 'notes.txt'), 'utf8'), 'mine');
    assert.equal(await holdsRun(path), true);
  });

  test('that cannot be made is a disk error', async (t) => {
    const file = join(scratchDirectory(t), 'file');
    writeFileSync(file, '');
    await assert.rejects(createRunDirectory(join(file, 'run'), {}), isError('disk', /file.*there is a file where a directory is needed/));
    await assert.rejects(createRunDirectory(file, {}), isError('disk', /file.*there is a file where a directory is needed/));
  });
});

describe('the config of a run', () => {
  test('that is missing or not JSON is refused', async (t) => {
    const path = scratchDirectory(t);
    await assert.rejects(readRunConfig(path), isError('resume-invalid', /holds a part of a run, but no config\.json/));
    writeFileSync(join(path, 'config.json'), '{"a":');
    await assert.rejects(readRunConfig(path), isError('config-invalid', /config\.json is not valid JSON/));
    writeFileSync(join(path, 'config.json'), Buffer.alloc(2 * 1024 * 1024, ' '));
    await assert.rejects(readRunConfig(path), isError('config-invalid', /2097152 bytes/));
  });
});

describe('resuming', () => {
  /** A run whose losses.jsonl holds this text. */
  async function runWith(t: Parameters<typeof scratchDirectory>[0], losses: string): Promise<string> {
    const path = scratchDirectory(t);
    await (await createRunDirectory(path, {})).close();
    writeFileSync(join(path, 'losses.jsonl'), losses);
    return path;
  }
  const lines = (...steps: number[]): string => steps.map((step) => `{"step":${step},"images":${step * 128}}\n`).join('');

  test('keeps exactly the losses up to the checkpoint, and continues after them', async (t) => {
    for (const [losses, steps, kept] of [
      [lines(1, 2, 3, 4), 2, lines(1, 2)],
      [lines(1, 2), 2, lines(1, 2)],
      [lines(1, 2) + '{"step":3,"ima', 2, lines(1, 2)],
      [`${lines(1, 2)}${'\0'.repeat(100)}`, 2, lines(1, 2)],
      [lines(1, 2), 0, ''],
      ['{"step":1', 0, ''],
      // A file that begins later: earlier lines were lost before.
      [lines(2, 3, 4), 3, lines(2, 3)],
    ] as const) {
      const path = await runWith(t, losses);
      const run = await resumeRunDirectory(path, steps, (sentence) => assert.fail(sentence));
      assert.equal(readFileSync(join(path, 'losses.jsonl'), 'utf8'), kept);
      assert.throws(() => run.appendLoss({ step: steps + 2, images: 1 }), /losses of step/);
      run.appendLoss({ step: steps + 1, images: (steps + 1) * 128 });
      await run.flush();
      assert.equal(readFileSync(join(path, 'losses.jsonl'), 'utf8'), kept + lines(steps + 1));
      await run.close();
    }
  });

  test('keeps losses with a gap under another name, says so, and begins again after the checkpoint', async (t) => {
    for (const [losses, sentence] of [
      [lines(1, 2), /losses\.jsonl ends with step 2, but the checkpoint is of step 3\. It begins again with step 4, and .*kept in/],
      [lines(1, 3, 4), /goes from step 1 to step 3/],
      [`${lines(1)}{"st\n${lines(3)}`, /is damaged in line 2/],
      [lines(4, 5), /begins with step 4/],
      [lines(1, 2) + lines(3).trimEnd(), /is damaged in line 3/],
      [`${lines(1)}${'\0'.repeat(2_000_000)}`, /is damaged after line 1/],
    ] as const) {
      const path = await runWith(t, losses);
      const aside = join(path, 'losses.before-step-000004.jsonl');
      for (const [round, kept] of [aside, aside.replace('.jsonl', '-2.jsonl')].entries()) {
        const told: string[] = [];
        if (round > 0) writeFileSync(join(path, 'losses.jsonl'), losses);
        const run = await resumeRunDirectory(path, 3, (text) => told.push(text));
        run.appendLoss({ step: 4, images: 4 * 128 });
        await run.close();
        assert.equal(told.length, 1);
        assert.match(told[0]!, sentence);
        assert.ok(told[0]!.includes(kept), told[0]);
        assert.equal(readFileSync(kept, 'utf8'), losses, 'nothing is lost');
        assert.equal(readFileSync(join(path, 'losses.jsonl'), 'utf8'), lines(4));
      }
    }
  });

  test('reports losses that are gone, and then has nothing to keep', async (t) => {
    for (const losses of ['', undefined]) {
      const path = await runWith(t, '');
      if (losses === undefined) rmSync(join(path, 'losses.jsonl'));
      const told: string[] = [];
      await (await resumeRunDirectory(path, 3, (text) => told.push(text))).close();
      assert.match(
        told.join(),
        /losses\.jsonl is missing or empty, but the checkpoint is of step 3\. It begins again with step 4; the weights are not affected\.$/,
      );
      assert.deepEqual(readdirSync(path), ['checkpoints', 'config.json', 'events.jsonl', 'grids', 'losses.jsonl', 'model']);
    }
  });

  test('makes missing directories, and removes what a killed process left', async (t) => {
    const path = await runWith(t, '');
    writeFileSync(join(path, '.tmp-summary.json'), '{');
    writeFileSync(join(path, 'grids', '.tmp-step-000001.png'), '');
    mkdirSync(join(path, 'model', '.tmp-generator'));
    await (await resumeRunDirectory(path, 0, (sentence) => assert.fail(sentence))).close();
    for (const gone of ['.tmp-summary.json', 'grids/.tmp-step-000001.png', 'model/.tmp-generator'])
      assert.equal(existsSync(join(path, gone)), false, gone);
  });
});

describe('epochs', () => {
  test('start at 1 and rise with each start, whatever a crash left', async (t) => {
    const path = scratchDirectory(t);
    const events = join(path, 'events.jsonl');
    const first = await createRunDirectory(path, {}, { now });
    assert.equal(await first.recordStart({ host: 'h' }), 1);
    assert.deepEqual(linesIn(events), [{ time: '2026-01-02T03:04:05.678Z', event: 'coordinator-started', term: 1, host: 'h' }]);
    first.appendEvent({ event: 'worker-joined', worker: 'coordinator-started', term: 99 });
    await first.close();
    writeFileSync(events, `not JSON coordinator-started\n{"event":"coordinator-started","term":"7"}\n{"event":"coordinator-started","epo`, {
      flag: 'a',
    });
    assert.equal(await lastTerm(events), 1);
    const second = await resumeRunDirectory(path, 0, (sentence) => assert.fail(sentence));
    assert.equal(await second.recordStart({}), 2);
    assert.equal(await second.recordStart({}), 3);
    await second.close();
    assert.equal(await lastTerm(events), 3);
  });
});

describe('an event line', () => {
  test('is bounded, and says that it was shortened', () => {
    const short = eventLine({ event: 'x', text: 'y'.repeat(1000) }, now());
    assert.equal((JSON.parse(short) as { text: string }).text.length, 1000);
    const long = eventLine({ event: 'x', reason: 'y'.repeat(100_000), shards: Array.from({ length: 4096 }, (_, index) => index) }, now());
    assert.ok(long.length <= maximumEventLength);
    assert.deepEqual(JSON.parse(long), {
      time: '2026-01-02T03:04:05.678Z',
      event: 'x',
      reason: `${'y'.repeat(500)}…`,
      shards: Array.from({ length: 50 }, (_, index) => index),
      shortened: true,
    });
    const wide = eventLine({ event: 'x', ...Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`field${index}`, 1])) }, now());
    assert.deepEqual(JSON.parse(wide), { time: '2026-01-02T03:04:05.678Z', event: 'x', shortened: true });
  });
});
