/** Makes a directory for a new run without --run-dir: `runs/gan-20261123-130501`, which says what it is and sorts by time. */
import { mkdir } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { LockstepError } from '@lockstep/shared';
import { diskError, onDisk, systemErrorCode } from '../disk/files.ts';

export interface ClaimedDirectory {
  readonly path: string;
  /** The outermost directory that was made on the way: the path itself, or `runs`. */
  readonly firstMade: string;
}

/** Runs that may begin in one second. */
const maximumAttempts = 100;

/**
 * Makes the directory, and never takes one that exists: of several processes that begin in one second, on one host or on hosts that
 * share the disk, the others get `-2`, `-3` and so on. Throws `disk`.
 */
export async function claimRunDirectory(recipe: string, now: Date): Promise<ClaimedDirectory> {
  const wanted = resolve('runs', nameOf(recipe, now));
  let firstMade: string | undefined;
  for (let attempt = 1; attempt <= maximumAttempts; attempt += 1) {
    const path = attempt === 1 ? wanted : `${wanted}-${attempt}`;
    const made = await onDisk(path, () => mkdir(dirname(path), { recursive: true }));
    firstMade ??= made;
    try {
      await mkdir(path);
      return { path, firstMade: firstMade ?? path };
    } catch (error) {
      // ENOENT: a coordinator that was refused has just removed the runs/ directory that it had made.
      if (!['EEXIST', 'ENOENT'].includes(systemErrorCode(error) ?? '')) throw diskError(error, path);
    }
  }
  throw new LockstepError(
    'disk',
    `${maximumAttempts} runs have begun in ${dirname(wanted)} in this second. Name a directory with --run-dir.`,
  );
}

function nameOf(recipe: string, now: Date): string {
  const stamp = now
    .toISOString()
    .replace(/[-:]|\..*$/g, '')
    .replace('T', '-');
  const name = basename(recipe)
    .replace(/\.[^.]*$/, '')
    .replace(/[^\w.-]/g, '-');
  return `${name}-${stamp}`;
}
