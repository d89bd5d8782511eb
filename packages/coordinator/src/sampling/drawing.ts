/** What the commands have in common that draw pictures of a trained run: options, and the way from them to the pictures. */
import {
  backendChoices,
  choice,
  createLog,
  errorTable,
  type Log,
  logLevels,
  type OptionTable,
  stopSignals,
  text,
  type ValuesOf,
  whole,
} from '@lockstep/shared';
import { stepName } from '../checkpoint/name.ts';
import type { Drawn, DrawPictures } from './draw-pictures.ts';
import { type Layout, layoutOf } from './layout.ts';
import { readTrainedRun, type TrainedRun } from './trained-run.ts';

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

export interface Pictures {
  readonly run: TrainedRun;
  /** Of these pictures, for files: step and seed. */
  readonly name: string;
  readonly layout: Layout;
  readonly drawn: Drawn;
  readonly log: Log;
}

/** Draws `count` pictures and gives them to `use`. Resolves with the exit code; a person who stops it does not wait for `use`. */
export async function drawWith(
  options: ValuesOf<typeof drawingTable> & { readonly count: number },
  drawPictures: DrawPictures,
  use: (pictures: Pictures) => Promise<void>,
): Promise<number> {
  const { count, seed: set, backend, logLevel } = options;
  const { stdout } = process;
  const log = createLog({ level: logLevel, destination: { write: (line) => void stdout.write(line), isTTY: stdout.isTTY } });
  const signalled = stopSignals(log);
  const stop = signalled.then(({ reason }) => reason);
  const run = await readTrainedRun(options.runDir, options.step, (sentence) => log.info(sentence));
  const layout = layoutOf(run, count);
  const { step } = run.checkpoint.cursor;
  // Drawing reads no data.
  await run.prepared.dataset.close();
  const work = async (): Promise<boolean> => {
    log.info(`Drawing ${count} pictures with ${run.prepared.recipe.name} after step ${step}, seed ${set}.`);
    const drawn = await drawPictures({ run, count, set, backend, log, logLevel, stop });
    if (drawn === undefined) return false;
    await use({ run, name: `${stepName(step)}-seed-${set}`, layout, drawn, log });
    return true;
  };
  if (await Promise.race([work(), stop.then(() => false)])) return 0;
  const { code } = await signalled;
  return code === undefined ? 0 : errorTable[code].exitCode;
}
