/** Runs begun by older versions of Lockstep continue with this one, bit for bit. `test/fixtures/run-of-format-1/` was written by 0.1.0. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { root, startRun, temporaryDirectory } from './harness.ts';

const fixture = join(root, 'test/fixtures/run-of-format-1');

test('a run of checkpoint format 1, stopped in the middle of a step and moved since, ends with the bits of the undisturbed run', async (t) => {
  const place = await temporaryDirectory(t);
  await cp(fixture, place, { recursive: true });
  const expected = JSON.parse(await readFile(join(fixture, 'expected.json'), 'utf8')) as {
    readonly steps: number;
    readonly weightsSha256: Readonly<Record<string, string>>;
    readonly lossesSha256: string;
  };
  const moved = ['--recipe', join(place, 'recipe.mjs'), '--data', join(place, 'data')];
  const run = await startRun(t, { directory: join(place, 'run'), args: ['--resume', ...moved, '--steps', String(expected.steps)] });
  assert.deepEqual((await run.completed()).weightsSha256, expected.weightsSha256);
  const losses = await readFile(join(run.directory, 'losses.jsonl'));
  assert.equal(createHash('sha256').update(losses).digest('hex'), expected.lossesSha256);
  const starts = (await run.events()).filter((line) => line['event'] === 'coordinator-started');
  assert.deepEqual(
    starts.map(({ epoch, term }) => ({ epoch, term })),
    [
      { epoch: 1, term: undefined },
      { epoch: undefined, term: 2 },
    ],
    'terms continue from what older versions called epochs',
  );
});
