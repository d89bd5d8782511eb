/** `coordinator sample`: pictures that a trained model draws, as files. The same seed gives the same pictures. */
import { join, resolve } from 'node:path';
import {
  backendChoices,
  checkGiven,
  choice,
  createLog,
  defaultsOf,
  errorTable,
  LockstepError,
  logLevels,
  type OptionTable,
  parseCommandLine,
  pictureInput,
  stopSignals,
  text,
  version,
  whole,
} from '@lockstep/shared';
import { stepName } from '../checkpoint/name.ts';
import { fieldOf } from '../data/samples.ts';
import { makeDirectory, writeFileAtomically } from '../disk/files.ts';
import { encodeGrid, type PictureShape, pictureShape } from '../reporting/grid.ts';
import type { DrawPictures } from './draw-pictures.ts';
import { encodeNpy } from './npy.ts';
import { readTrainedRun, type TrainedRun } from './trained-run.ts';

/** Options of commands that draw pictures of a trained run. */
export const drawingTable = {
  runDir: { type: 'string', default: undefined, describe: 'the run directory (default: the newest run in runs/)', check: text },
  step: { type: 'number', default: undefined, describe: 'the step of the checkpoint (default: the newest)', check: whole(0, 2 ** 31) },
  seed: {
    type: 'number',
    default: 0,
    describe: 'which of the pictures: each seed gives others, and 0 those of the grids',
    check: whole(0, 2 ** 32 - 1),
  },
  backend: {
    type: 'string',
    default: 'auto',
    defaultDescription: 'that of the run',
    describe: `what draws: ${backendChoices.join(', ')}`,
    check: choice(backendChoices),
  },
  logLevel: { type: 'string', default: 'info', describe: `lines to show: ${logLevels.join(', ')}`, check: choice(logLevels) },
} as const satisfies OptionTable;

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
  const { count, seed: set, backend, logLevel } = options;
  const { stdout } = process;
  const log = createLog({ level: logLevel, destination: { write: (line) => void stdout.write(line), isTTY: stdout.isTTY } });
  const signalled = stopSignals(log);
  const run = await readTrainedRun(options.runDir, options.step);
  const layout = layoutOf(run, count);
  const { recipe } = run.prepared;
  const { step } = run.checkpoint.cursor;
  log.info(`Drawing ${count} pictures with ${recipe.name} after step ${step}, seed ${set}.`);
  const drawn = await drawPictures({ run, count, set, backend, log, logLevel, stop: signalled.then(({ reason }) => reason) });
  if (drawn === undefined) {
    const { code } = await signalled;
    return code === undefined ? 0 : errorTable[code].exitCode;
  }
  const directory = resolve(options.to ?? join(run.path, 'samples', `${stepName(step)}-seed-${set}`));
  await writePictures(directory, drawn.pictures, layout);
  log.info(`${count} pictures, drawn by ${drawn.backend}: ${directory}`);
  return 0;
}

/** Throws `usage` for a recipe that draws no pictures. */
export function layoutOf({ prepared: { recipe, dataset } }: TrainedRun, count: number): Layout {
  const input = pictureInput(recipe);
  if (recipe.generate === undefined || input === undefined)
    throw new LockstepError('usage', `The recipe '${recipe.name}' draws no pictures: it has no generate.`);
  const { shape, range } = input.spec;
  return { count, shape: pictureShape(shape, fieldOf(input, dataset)?.shape ?? shape), range };
}

export interface Layout {
  readonly count: number;
  readonly shape: PictureShape;
  readonly range: readonly [number, number];
}

/** `samples.npy` comes last: where it is, all others are. */
export async function writePictures(directory: string, pictures: Float32Array, { count, shape, range }: Layout): Promise<void> {
  await makeDirectory(directory);
  const length = pictures.length / count;
  const digits = String(count - 1).length;
  for (let index = 0; index < count; index += 1) {
    const picture = pictures.subarray(index * length, (index + 1) * length);
    const name = `${String(index).padStart(digits, '0')}.png`;
    await writeFileAtomically(join(directory, name), await encodeGrid(picture, { count: 1, shape, range, columns: 1 }));
  }
  const columns = Math.ceil(Math.sqrt(count));
  await writeFileAtomically(join(directory, 'all.png'), await encodeGrid(pictures, { count, shape, range, columns }));
  await writeFileAtomically(join(directory, 'samples.npy'), encodeNpy(pictures, [count, ...shape]));
}
