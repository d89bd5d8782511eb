/**
 * The run as TensorBoard shows it: each number of losses.jsonl as a scalar, the rate, and grids as pictures. One file for each life of a
 * coordinator, named by its term, so that readers take them in the order in which they were written.
 *
 * Not responsible for: bytes (`record.ts`), or the disk (`disk/expendable-file.ts`).
 */
import { join } from 'node:path';
import type { Clock, Log } from '@lockstep/shared';
import { createExpendableFile } from '../../disk/expendable-file.ts';
import type { LossLine } from '../../run/losses-file.ts';
import type { RunSink } from '../sink.ts';
import { type EventFields, frame, pictureEvent, scalarsEvent, startEvent, versionEvent } from './record.ts';

export interface TensorBoardOptions {
  readonly directory: string;
  readonly term: number;
  /** Steps that are committed already: what earlier files say of later ones is repeated now. */
  readonly step: number;
  readonly clock: Clock;
  readonly log: Log;
}

export function createTensorBoardWriter({ directory, term, step: committed, clock, log }: TensorBoardOptions): RunSink {
  // TensorBoard wants `tfevents` in the name, and reads files in the order of their names.
  const path = join(directory, `events.out.tfevents.${String(term).padStart(6, '0')}`);
  const lost = (reason: string): void =>
    log.warn(`Some of what TensorBoard would show is lost, and training goes on: ${path} cannot be written (${reason}).`);
  const at = (step: number): EventFields => ({ wallTimeSeconds: Date.now() / 1000, step });
  const beginning = (): Uint8Array => Buffer.concat([versionEvent(at(0)), startEvent(at(committed + 1))].map(frame));
  const file = createExpendableFile(path, { clock, beginning, lost });
  const write = (event: Buffer): void => file.append(frame(event));
  return {
    stepCompleted(line, imagesPerSecond) {
      write(scalarsEvent(at(line.step), { ...scalarsOf(line), ...(imagesPerSecond === undefined ? {} : { imagesPerSecond }) }));
    },
    grid: (step, png) => write(pictureEvent(at(step), 'grid', { ...sizeOf(png), png })),
    close: file.close,
  };
}

/** `{ loss: { generator: 1 } }` has the tag `loss/generator`: TensorBoard shows tags with one beginning together. */
function scalarsOf(line: LossLine): Record<string, number> {
  const scalars: Record<string, number> = {};
  for (const [group, values] of Object.entries(line)) {
    if (typeof values !== 'object' || values === null) continue;
    for (const [name, value] of Object.entries(values)) if (typeof value === 'number') scalars[`${group}/${name}`] = value;
  }
  return scalars;
}

/** From the PNG's first chunk. */
function sizeOf(png: Buffer): { width: number; height: number; channels: number } {
  const isColoured = png.readUInt8(25) === 2;
  return { width: png.readUInt32BE(16), height: png.readUInt32BE(20), channels: isColoured ? 3 : 1 };
}
