/**
 * The TensorFlow C library to build against: unpacked from pinned wheels, or in a folder of the user's.
 *
 * Responsible for: finding libraries and headers in the two layouts that exist.
 * Not responsible for: downloading (`wheel.mjs`).
 */
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Failure } from './failure.mjs';

const neededHeaders = ['tensorflow/c/c_api.h', 'tensorflow/c/eager/c_api.h', 'tensorflow/core/platform/ctstring_internal.h'];

async function isFile(path) {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

/** libtensorflow_cc.so.2 (PyPI) or libtensorflow.so.2 (the C tarball), and libtensorflow_framework.so.2 beside it. */
async function librariesIn(directory) {
  const names = await readdir(directory).catch(() => []);
  const pick = (stem) =>
    names
      .filter((name) => new RegExp(`^${stem}\\.so(\\.2)?$`).test(name))
      .sort()
      .at(-1);
  const main = pick('libtensorflow_cc') ?? pick('libtensorflow');
  const framework = pick('libtensorflow_framework');
  return main && framework ? [join(directory, main), join(directory, framework)] : undefined;
}

/**
 * Libraries and headers in a folder: `DIR/lib` + `DIR/include` (the C tarball), or `DIR` + `DIR/include` (an installed `tensorflow`).
 * @returns {Promise<{ directory: string, libraries: string[], include: string }>}
 */
export async function findLibrary(given) {
  const root = await realpath(resolve(given)).catch(() => undefined);
  if (!root) throw new Failure(`--libtensorflow: there is no folder ${resolve(given)}.`);
  for (const directory of [join(root, 'lib'), root]) {
    const libraries = await librariesIn(directory);
    if (!libraries) continue;
    const include = join(root, 'include');
    for (const header of neededHeaders) {
      if (!(await isFile(join(include, header))))
        throw new Failure(`--libtensorflow: ${include} lacks the header ${header}; take TensorFlow's headers of the same version.`);
    }
    return { directory, libraries, include };
  }
  throw new Failure(
    `--libtensorflow: neither ${join(root, 'lib')} nor ${root} holds libtensorflow.so.2 or libtensorflow_cc.so.2 with libtensorflow_framework.so.2.`,
  );
}

/** What identifies a library in the key of a build: cheap, since hashing 850 MB at every no-op is not. */
export async function describeLibraries(libraries) {
  return Promise.all(
    libraries.map(async (path) => {
      const { size, mtimeMs } = await stat(path);
      return { path, bytes: size, modified: Math.trunc(mtimeMs) };
    }),
  );
}
