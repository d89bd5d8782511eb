import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, type Line, startRun, temporaryDirectory } from './harness.ts';
import { tensorBoard } from './tensorboard.ts';

const args = '--spawn --backend wasm --shards 2 --batch-size 16 --checkpoint-every 0 --grid-every 25 --tensorboard'.split(' ');

/** The scalars of a run's losses, as tags. */
function scalarsOf(lines: readonly Line[]): Record<string, [number, number][]> {
  const scalars: Record<string, [number, number][]> = {};
  for (const { step, images: _, ...groups } of lines) {
    for (const [group, values] of Object.entries(groups as Record<string, Record<string, number>>)) {
      for (const [name, value] of Object.entries(values)) (scalars[`${group}/${name}`] ??= []).push([step as number, Math.fround(value)]);
    }
  }
  return scalars;
}

test('TensorBoard reads the losses and grids of a run that was killed and resumed, each step once', async (t) => {
  const read = await tensorBoard(t);
  if (read === undefined) return;
  const directory = join(await temporaryDirectory(t), 'run');
  const eventFiles = join(directory, 'tensorboard');
  const first = await startRun(t, { args: [...args, '--steps', '20'], directory });
  await first.completed();
  // Its events of steps after 20 are on disk, and belong to no checkpoint.
  const killed = await startRun(t, { args: ['--resume', '--steps', '100000'], directory });
  await eventually(killed, 'events of the second life', async () => {
    const written = await readFile(join(eventFiles, 'events.out.tfevents.000002')).catch(() => Buffer.alloc(0));
    return written.includes('loss/generator');
  });
  killed.child.kill('SIGKILL');
  await killed.exited;
  assert.ok((await read(eventFiles)).scalars['loss/generator']!.some(([step]) => step > 20));
  const resumed = await startRun(t, { args: ['--resume', '--steps', '60'], directory });
  await resumed.completed();

  const { scalars, images } = await read(eventFiles);
  const { imagesPerSecond, ...ofLosses } = scalars;
  assert.deepEqual(ofLosses, scalarsOf(await resumed.losses()));
  assert.ok(imagesPerSecond!.length > 0 && imagesPerSecond!.every(([, value]) => value > 0));
  const grids = images['grid']!;
  assert.deepEqual(
    grids.map(([step]) => step),
    [20, 25, 50, 60],
  );
  for (const [step, width, height, base64] of grids) {
    const png = Buffer.from(base64, 'base64');
    assert.deepEqual(png, await readFile(join(directory, 'grids', `step-${String(step).padStart(6, '0')}.png`)));
    assert.deepEqual([width, height], [png.readUInt32BE(16), png.readUInt32BE(20)]);
  }
});
