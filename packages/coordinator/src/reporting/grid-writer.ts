/** Writes grids of pictures, one after the other, during training. A grid that cannot be written is reported, with no other effect. */
import { gridColumns, type Log, pictureInput, type Recipe } from '@lockstep/shared';
import type { DatasetInfo } from '../data/dataset.ts';
import { fieldOf } from '../data/samples.ts';
import type { RunDirectory } from '../run/run-directory.ts';
import { encodeGrid, pictureShape } from './grid.ts';
import type { RunSink } from './sink.ts';

export interface GridWriter {
  write(step: number, pictures: Float32Array): void;
  /** Resolves when every grid so far is written, or has failed. */
  settled(): Promise<void>;
}

export interface GridWriterOptions {
  /** Number of pictures in a grid. */
  readonly count: number;
  readonly recipe: Recipe;
  readonly dataset: DatasetInfo;
  readonly directory: RunDirectory;
  readonly sinks: readonly RunSink[];
  readonly log: Log;
}

export function createGridWriter({ count, recipe, dataset, directory, sinks, log }: GridWriterOptions): GridWriter {
  const input = pictureInput(recipe);
  const field = input && fieldOf(input, dataset);
  let writing: Promise<void> = Promise.resolve();
  return {
    write(step, pictures) {
      const { shape, range } = input!.spec;
      const encode = async (): Promise<string> => {
        const png = await encodeGrid(pictures, { count, shape: pictureShape(shape, field?.shape ?? shape), range, columns: gridColumns });
        for (const sink of sinks) sink.grid(step, png);
        return directory.writeGrid(step, png);
      };
      writing = writing.then(encode).then(
        (path) => log.info(`Pictures of step ${step}: ${path}`),
        (error: unknown) => log.error(`The pictures of step ${step} could not be written: ${(error as Error).message}`),
      );
    },
    settled: () => writing,
  };
}
