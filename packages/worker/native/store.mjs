/**
 * The folder of builds: `.native/tensorflow` and `.native/cuda` are links to whole, checked builds beside them.
 *
 * Responsible for: one builder at a time, the switch from the old build to the new one in a single rename, and removing what
 * interrupted builds left.
 * Not responsible for: what is in a build, except its record `build.json`.
 */
import { chmod, lstat, mkdir, mkdtemp, readFile, readdir, readlink, rename, rm, stat, statfs, symlink, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { Failure } from './failure.mjs';
import { storeDirectory as findStore } from './store-directory.mjs';

export const storeDirectory = findStore();

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Runs `work` as the only builder. A lock whose process has died is taken over. */
export async function exclusively(work) {
  await mkdir(storeDirectory, { recursive: true });
  await writeFile(join(storeDirectory, '.gitignore'), '*\n'); // whoever's project it lies in
  const lock = join(storeDirectory, 'lock');
  for (let attempt = 0; ; attempt += 1) {
    try {
      await writeFile(lock, `${process.pid}\n`, { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      const owner = Number(await readFile(lock, 'utf8').catch(() => ''));
      if (attempt > 3 || (owner > 0 && isAlive(owner))) {
        throw new Failure(
          `Another lockstep-native (process ${owner}) is building in ${storeDirectory}; wait for it, or remove ${lock} if that is something else.`,
        );
      }
      await rm(lock, { force: true });
    }
  }
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

async function linkedBuild(kind) {
  return basename(await readlink(join(storeDirectory, kind)).catch(() => ''));
}

/** Removes builds that no link names: interrupted ones and replaced ones. */
export async function sweep(kind) {
  const current = await linkedBuild(kind);
  for (const name of await readdir(storeDirectory)) {
    if (name.startsWith(`${kind}-`) && name !== current) await rm(join(storeDirectory, name), { recursive: true, force: true });
  }
}

/** The record of the current build if all its files are there with their sizes, whatever it was built from. */
export async function currentBuild(kind) {
  try {
    const directory = join(storeDirectory, kind);
    const record = JSON.parse(await readFile(join(directory, 'build.json'), 'utf8'));
    for (const file of record.files) {
      if ((await stat(resolve(directory, file.path))).size !== file.bytes) return undefined;
    }
    return record;
  } catch {
    return undefined; // Absent or broken: either way there is something to build.
  }
}

export async function newBuildDirectory(kind) {
  const directory = await mkdtemp(join(storeDirectory, `${kind}-`));
  await chmod(directory, 0o755); // mkdtemp's 0700 would keep it from workers of another user
  return directory;
}

/** Makes `directory` the build of its kind: before the rename everybody sees the old one, after it the new one. */
export async function publish(kind, directory) {
  const link = join(storeDirectory, kind);
  const next = join(storeDirectory, `${kind}-link`);
  await rm(next, { force: true });
  await symlink(basename(directory), next);
  // A copy of the repository may have turned the link into a folder, which a rename does not replace.
  if ((await lstat(link).catch(() => undefined))?.isDirectory()) await rename(link, `${link}-copied`);
  await rename(next, link);
  await sweep(kind);
}

export async function checkSpace(bytes) {
  const { bavail, bsize } = await statfs(storeDirectory);
  const free = bavail * bsize;
  if (free < bytes) {
    const gigabytes = (value) => (value / 1e9).toFixed(1);
    throw new Failure(
      `${storeDirectory} has ${gigabytes(free)} GB free and ${gigabytes(bytes)} GB are needed; free some, or set LOCKSTEP_NATIVE_DIR to another disk.`,
    );
  }
}
