/**
 * Files and directories that are either whole or absent, and disk errors as sentences.
 *
 * Responsible for: write-sync-rename, replacing a directory, deleting without a half-deleted state, removing what a killed process left.
 * Not responsible for: what is written. Everything unfinished has a name that starts with `.tmp-`, in the directory where it is wanted.
 */
import { access, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LockstepError } from '@lockstep/shared';

const temporaryPrefix = '.tmp-';
const replacedPrefix = `${temporaryPrefix}replaced-`;
const removedPrefix = `${temporaryPrefix}removed-`;

/** Runs disk work and turns the operating system's errors into LockstepError `disk`, naming `path`. Other errors pass. */
export async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskError(error, path);
  }
}

/** The error as a sentence for a person, if the operating system raised it; otherwise the error itself. */
export function diskError(error: unknown, path: string): unknown {
  const code = systemErrorCode(error);
  return code === undefined ? error : new LockstepError('disk', sentence(code, path), { cause: error });
}

/** `ENOSPC` and so on; undefined for anything that is not an error of the operating system. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('errno' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function sentence(code: string, path: string): string {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `Cannot write ${path}: the disk is full (${code}). Free space there, then continue with --resume.`;
    case 'EROFS':
      return `Cannot write ${path}: its file system is read-only (${code}). Mount it writable, or choose another --run-dir.`;
    case 'EACCES':
    case 'EPERM':
      return `Cannot use ${path}: this user has no permission (${code}). Change its owner or mode, or choose another --run-dir.`;
    case 'EIO':
      return `Cannot use ${path}: the disk reports an input/output error (${code}). Check the disk, then continue with --resume, or choose another --run-dir.`;
    case 'EMFILE':
    case 'ENFILE':
      return `Cannot open ${path}: too many open files (${code}). Raise the limit (ulimit -n), then continue with --resume.`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `Cannot use ${path}: there is a file where a directory is needed (${code}). Move it away, or choose another --run-dir.`;
    case 'ENOENT':
      return `Cannot use ${path}: it does not exist, or has been removed (${code}). Put it back, or choose another --run-dir.`;
    default:
      return `Cannot use ${path}: the operating system reports ${code}. Remove the cause, then continue with --resume, or choose another --run-dir.`;
  }
}

/** Whether anything has this path. If that cannot be found out, the answer is yes: opening it will then say what is wrong. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
  );
}

export async function makeDirectory(path: string): Promise<void> {
  await onDisk(path, () => mkdir(path, { recursive: true }));
}

/** Writes or replaces one file: at every moment `path` is the old file or the whole new one, power loss included. */
export async function writeFileAtomically(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = join(dirname(path), `${temporaryPrefix}${basename(path)}`);
  await onDisk(path, async () => {
    try {
      await writeSynced(temporary, content);
      await rename(temporary, path);
    } catch (error) {
      await removeQuietly(temporary);
      throw error;
    }
    await syncDirectory(dirname(path));
  });
}

/**
 * Writes a directory of flat files, replacing whatever is at `path`. The parent must exist. A replaced directory is moved aside only when
 * the new one is complete on disk; `sweepTemporaries` moves it back if the process died between the two renames.
 */
export async function writeDirectoryAtomically(path: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const temporary = join(dirname(path), `${temporaryPrefix}${basename(path)}`);
  await onDisk(path, async () => {
    try {
      await rm(temporary, { recursive: true, force: true });
      await mkdir(temporary);
      for (const [name, content] of files) await writeSynced(join(temporary, name), content);
      await syncDirectory(temporary);
      await putInPlace(temporary, path);
    } catch (error) {
      await removeQuietly(temporary);
      throw error;
    }
  });
}

async function putInPlace(temporary: string, path: string): Promise<void> {
  const replaced = join(dirname(path), `${replacedPrefix}${basename(path)}`);
  await rm(replaced, { recursive: true, force: true });
  const hadOld = await renameIfThere(path, replaced);
  try {
    await rename(temporary, path);
  } catch (error) {
    if (hadOld) await rename(replaced, path);
    throw error;
  }
  await syncDirectory(dirname(path));
  if (hadOld) await rm(replaced, { recursive: true, force: true });
}

/** Deletes a directory in such a way that its path never holds only a part of it. Does nothing if it does not exist. */
export async function removeDirectory(path: string): Promise<void> {
  const removed = join(dirname(path), `${removedPrefix}${basename(path)}`);
  await onDisk(path, async () => {
    await rm(removed, { recursive: true, force: true });
    if (!(await renameIfThere(path, removed))) return;
    await syncDirectory(dirname(path));
    await rm(removed, { recursive: true, force: true });
  });
}

/** Removes what a killed process left unfinished in a directory. Only for the process that holds the run directory's lock. */
export async function sweepTemporaries(directory: string): Promise<void> {
  await onDisk(directory, async () => {
    const names = await readdir(directory);
    for (const name of names.filter((each) => each.startsWith(temporaryPrefix))) {
      const wanted = name.startsWith(replacedPrefix) ? name.slice(replacedPrefix.length) : undefined;
      if (wanted !== undefined && wanted !== '' && !names.includes(wanted)) await rename(join(directory, name), join(directory, wanted));
      else await rm(join(directory, name), { recursive: true, force: true });
    }
  });
}

async function writeSynced(path: string, content: Uint8Array | string): Promise<void> {
  const handle = await open(path, 'w');
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes renames in a directory survive power loss. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some file systems (network, FUSE) cannot sync a directory and say so; there is nothing better to do on them.
    if (!['EINVAL', 'ENOTSUP', 'ENOSYS'].includes(systemErrorCode(error) ?? '')) throw error;
  } finally {
    await handle.close();
  }
}

async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** For clean-up after an error: the first error is the one to report, and anything left over is removed at the next start. */
async function removeQuietly(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => {});
}
