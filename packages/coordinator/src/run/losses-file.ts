/**
 * losses.jsonl: one line per step, none missing, and no times, so that equal runs have equal files. It begins with step 1 or, if lines were
 * lost, with the step after the checkpoint that the run resumed from: the weights do not depend on them.
 */
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LockstepError } from '@lockstep/shared';
import { stepName } from '../checkpoint/name.ts';
import { onDisk, syncDirectory } from '../disk/files.ts';
import { cutFile, linesOf, parseLine } from '../disk/line-file.ts';

/** A step's line. Numbers that are not finite become null. */
export interface LossLine {
  /** Completed steps, this one included. */
  readonly step: number;
  /** Images seen by then. */
  readonly images: number;
  readonly [field: string]: unknown;
}

/**
 * Makes the file end with the line of step `steps`; later lines and a torn last one are removed. If lines before it are missing or damaged,
 * the file is kept under another name and the next line begins a new one; it then resolves with a sentence that says so. Throws `disk`.
 */
export async function cutLosses(path: string, steps: number): Promise<string | undefined> {
  if (steps === 0) {
    if (existsSync(path)) await cutFile(path, 0);
    return undefined;
  }
  const { fault, end, size } = await examine(path, steps);
  if (fault === undefined) {
    if (size > end) await cutFile(path, end);
    return undefined;
  }
  const kept = size === 0 ? '' : `, and its old content is kept in ${await setAside(path, steps + 1)}`;
  return `${path} ${fault}, but the checkpoint is of step ${steps}. It begins again with step ${steps + 1}${kept}; the weights are not affected.`;
}

interface Examined {
  /** Why the lines up to `steps` cannot be relied on. */
  readonly fault?: string;
  /** Byte after the line of step `steps`. */
  readonly end: number;
  /** Size of the file as far as it was read; more than `end` if anything follows. */
  readonly size: number;
}

async function examine(path: string, steps: number): Promise<Examined> {
  let count = 0;
  let last: number | undefined;
  let end = 0;
  try {
    for await (const line of linesOf(path)) {
      if (last === steps) return { end, size: line.end };
      const step = parseLine(line)?.['step'];
      count += 1;
      if (typeof step !== 'number') return { fault: `is damaged in line ${count}`, end, size: line.end };
      if (last !== undefined && step !== last + 1) return { fault: `goes from step ${last} to step ${step}`, end, size: line.end };
      if (step > steps) return { fault: `begins with step ${step}`, end, size: line.end };
      last = step;
      end = line.end;
    }
  } catch (error) {
    if (!(error instanceof LockstepError) || error.code === 'disk') throw error;
    return { fault: `is damaged after line ${count}`, end, size: Infinity };
  }
  if (last === steps) return { end, size: end };
  return { fault: last === undefined ? 'is missing or empty' : `ends with step ${last}`, end, size: end };
}

/** Renames the file, to a name that says which lines it may hold, and resolves with that path. Never replaces an earlier one. */
async function setAside(path: string, nextStep: number): Promise<string> {
  const stem = join(dirname(path), `${basename(path, '.jsonl')}.before-${stepName(nextStep)}`);
  let aside = `${stem}.jsonl`;
  for (let number = 2; existsSync(aside); number += 1) aside = `${stem}-${number}.jsonl`;
  await onDisk(path, async () => {
    await rename(path, aside);
    await syncDirectory(dirname(path));
  });
  return aside;
}
