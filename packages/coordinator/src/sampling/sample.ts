/** `coordinator sample`: pictures that a trained model draws, as files. The same seed gives the same pictures. */
import { join, resolve } from 'node:path';
import { checkGiven, defaultsOf, gridColumns, type OptionTable, parseCommandLine, text, version, whole } from '@lockstep/shared';
import { makeDirectory, writeFileAtomically } from '../disk/files.ts';
import { encodeGrid } from '../reporting/grid.ts';
import { drawingTable, drawWith } from './drawing.ts';
import type { DrawPictures } from './draw-pictures.ts';
import type { Layout } from './layout.ts';
import { encodeNpy } from './npy.ts';

const sampleTable = {
  ...drawingTable,
  count: { type: 'number', default: 64, describe: 'how many pictures', check: whole(1, 50_000) },
  to: {
    type: 'string',
    default: undefined,
    defaultDescription: 'samples/ in the run directory',
    describe: 'the directory for the files',
    check: text,
  },
} as const satisfies OptionTable;

const usage = {
  name: 'coordinator sample',
  synopsis: 'coordinator sample [--run-dir DIR] [--count N] [--seed S]',
  purpose: 'Draws pictures with a trained model: one PNG with all of them, one for each, and samples.npy with their values.',
  examples: [['coordinator sample --run-dir runs/mine --count 100 --seed 1', 'a hundred pictures']],
  version,
} as const;

export async function sample(argv: readonly string[], drawPictures: DrawPictures): Promise<number> {
  const typed = await parseCommandLine(argv, sampleTable, usage);
  const options = { ...defaultsOf(sampleTable), ...checkGiven(sampleTable, typed) };
  return drawWith(options, drawPictures, async ({ run, name, layout, drawn, log }) => {
    const directory = resolve(options.to ?? join(run.path, 'samples', name));
    await writePictures(directory, drawn.pictures, layout);
    log.info(`${layout.count} pictures, drawn by ${drawn.backend}: ${directory}`);
  });
}

/** `samples.npy` comes last: where it is, all others are. */
async function writePictures(directory: string, pictures: Float32Array, { count, shape, range, gridCount }: Layout): Promise<void> {
  await makeDirectory(directory);
  const length = pictures.length / count;
  const digits = String(count - 1).length;
  for (let index = 0; index < count; index += 1) {
    const picture = pictures.subarray(index * length, (index + 1) * length);
    const name = `${String(index).padStart(digits, '0')}.png`;
    await writeFileAtomically(join(directory, name), await encodeGrid(picture, { count: 1, shape, range, columns: 1 }));
  }
  // What fits a grid looks like one.
  const columns = count <= gridCount ? gridColumns : Math.ceil(Math.sqrt(count));
  await writeFileAtomically(join(directory, 'all.png'), await encodeGrid(pictures, { count, shape, range, columns }));
  await writeFileAtomically(join(directory, 'samples.npy'), encodeNpy(pictures, [count, ...shape]));
}
